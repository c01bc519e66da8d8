"""Output folders of commands with several steps: each product has a record of its settings, so work can resume."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT, STEPS
from lce_tf.foundation.files import claimed_folder, sha256_of
from lce_tf.foundation.locks import alone


def record_of(product: Path) -> Path:
    """Path of a product's record, which holds its settings and the seconds that making it took."""
    return product.with_name(f"{product.name}.made.json")


def product_record(product: Path) -> dict[str, Any]:
    """The record of a product that was made: its `settings`, and the `seconds` that making it took.

    Raises:
        UserError: the record cannot be read, or lacks them, as one that was edited may.
    """
    facts = PRODUCT.read(record_of(product))
    with PRODUCT.reading(record_of(product)):
        return {**facts, "settings": dict(facts["settings"]), "seconds": float(facts["seconds"])}


def changed(settings: Mapping[str, Any], recorded: Mapping[str, Any], assumed: Mapping[str, Any]) -> str | None:
    """The first setting that differs from the record, as "NAME RECORDED, not WANTED"; None if all agree.

    Args:
        settings: settings wanted now.
        recorded: settings in the product's record.
        assumed: values of settings that `settings` or `recorded` lacks, for example because the record was written
            before they existed. A setting missing from `recorded` and `assumed`, such as the hash of an input, counts
            as unchanged.
    """
    for name in {**settings, **recorded}:
        now = settings.get(name, assumed.get(name))
        before = recorded.get(name, assumed.get(name, now))
        if now != before:
            return f"{name} {before!r}, not {now!r}"
    return None


def refuse_changed(
    product: Path, settings: Mapping[str, Any], recorded: Mapping[str, Any], assumed: Mapping[str, Any]
) -> None:
    """Raises a UserError if the product was made with other settings than those wanted; see `changed`."""
    if found := changed(settings, recorded, assumed):
        raise UserError(
            f"{product}: was made with {found}; choose another --output, or delete it to have it made again"
        )


def is_made(product: Path) -> bool:
    """Whether the product and its record exist, so that it is complete; its settings are not compared."""
    return product.exists() and record_of(product).is_file()


def make_once(product: Path, settings: Mapping[str, Any], make: Callable[[], Any], assumed: Mapping[str, Any]) -> float:
    """Makes a product and its record unless both exist; returns the seconds that making it took, now or earlier.

    Args:
        settings: settings of the product; values that JSON cannot hold are recorded as strings.
        make: writes the product.
        assumed: see `changed`.

    Raises:
        UserError: the product was made with other settings. Errors of `make` are passed on.
    """
    settings = _in_json(settings)
    if is_made(product):
        before = product_record(product)
        refuse_changed(product, settings, before["settings"], assumed)
        return before["seconds"]
    seconds = _timed(make)
    PRODUCT.write(record_of(product), {"settings": settings, "seconds": seconds})
    print(f"{product}: {seconds} s", flush=True)
    return seconds


def renew(
    product: Path, settings: Mapping[str, Any], make: Callable[[], Any], whole: Callable[[], Any] = lambda: None
) -> bool:
    """Makes a product and its record unless it exists unchanged with these settings; returns whether it was made now.

    A product with other settings, which `make_once` refuses, is made again, and so is one whose file has changed
    since.

    Args:
        settings: settings of the product; values that JSON cannot hold are recorded as strings.
        make: writes the product, a file.
        whole: raises a UserError if other files that belong to the product have changed; it is then made again.
    """
    settings = _in_json(settings)
    if is_made(product):
        with contextlib.suppress(UserError):
            before = product_record(product)
            whole()
            if (before["settings"], before.get("sha256")) == (settings, sha256_of(product)):
                return False
    seconds = _timed(make)
    PRODUCT.write(record_of(product), {"settings": settings, "seconds": seconds, "sha256": sha256_of(product)})
    return True


def _timed(make: Callable[[], Any]) -> float:
    start = time.monotonic()
    make()
    return round(time.monotonic() - start, 1)


def _in_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings converted to JSON and back, so that they compare equal to those in a record."""
    return json.loads(json.dumps(dict(settings), default=str))


class Steps:
    """Makes each product in `folder` only once.

    A product `NAME` has a record `NAME.made.json` with its settings, among them the hashes of its inputs, and the
    seconds it took. The record is written last. A product without a record is incomplete: it is made again, or
    resumed. A product whose record has the same settings is used as it is. A product with other settings is refused,
    never overwritten.

    Args:
        command: name of the command, as in `lce NAME`; a file `NAME.json` marks the folder as one of this command.
        assumed: values of settings that a record lacks because it was written before they existed.
    """

    def __init__(self, folder: str | Path, command: str, assumed: Mapping[str, Any] | None = None):
        self.folder, self._command = Path(folder), command
        self._assumed = _in_json(assumed or {})
        self._mark = self.folder / f"{command}.json"

    @contextlib.contextmanager
    def opened(self) -> Iterator["Steps"]:
        """Within the block, only this process makes products in the folder, which is created if it is missing.

        Raises:
            UserError: the folder is a file or holds other files, or another process is making products in it.
        """
        there = self.folder.exists()
        if there and not self.folder.is_dir():
            raise UserError(f"--output {self.folder}: is a file; name a folder")
        if there and not self._mark.is_file() and any(self.folder.iterdir()):
            raise UserError(
                f"--output {self.folder}: holds other files than those of lce {self._command}; choose another folder"
            )
        if self._mark.is_file():
            STEPS.read(self._mark)
        with claimed_folder(self.folder), alone(self.folder):
            new = not self._mark.is_file()
            if new:
                STEPS.write(self._mark, {"command": self._command})
            try:
                yield self
            except UserError:
                if new and list(self.folder.iterdir()) == [self._mark]:  # no product was begun
                    self._mark.unlink()
                raise

    def make(self, name: str, settings: Mapping[str, Any], make: Callable[[Path], Any]) -> Path:
        """The path of the product `name`, which `make(path)` writes unless it was made before.

        Raises:
            UserError: the product was made with other settings. Errors of `make` are passed on.
        """
        path = self.folder / name
        make_once(path, settings, lambda: make(path), self._assumed)
        return path

    def there(self, name: str) -> bool:
        """Whether the product `name` has been made; its settings are not compared."""
        return is_made(self.folder / name)

    def seconds(self, name: str) -> float:
        """Seconds that making the product `name` took, in this call or an earlier one."""
        return product_record(self.folder / name)["seconds"]
