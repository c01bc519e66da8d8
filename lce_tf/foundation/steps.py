"""The folder of a command of several steps: each product has a record of what it was made from, so work goes on."""

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
    """Where the record of a product lies: its settings, and the seconds that it took."""
    return product.with_name(f"{product.name}.made.json")


def changed(settings: Mapping[str, Any], recorded: Mapping[str, Any], assumed: Mapping[str, Any]) -> str | None:
    """The first setting, in words, that differs from what was recorded; None where the product is the one wanted.

    A setting that the record lacks is one that was not recorded yet when the product was made. It counts as its value
    in `assumed`; where it has none there, such as the hash of an input, it is taken to be as it is now.
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
    """Raises UserError where a product was made with other settings than are asked for, see `changed`."""
    if found := changed(settings, recorded, assumed):
        raise UserError(
            f"{product}: was made with {found}; choose another --output, or delete it to have it made again"
        )


def is_made(product: Path) -> bool:
    """Whether the product is there to its end, made with whatever settings."""
    return product.exists() and record_of(product).is_file()


def make_once(product: Path, settings: Mapping[str, Any], make: Callable[[], Any], assumed: Mapping[str, Any]) -> float:
    """Makes a product and its record unless they are there; returns the seconds that took, now or then.

    Args:
        settings: what it is made with, as JSON can hold it.
        assumed: see `changed`.

    Raises:
        UserError: it was made with other settings; or whatever `make` raises.
    """
    settings = _in_json(settings)
    if is_made(product):
        before = PRODUCT.read(record_of(product))
        refuse_changed(product, settings, before["settings"], assumed)
        return before["seconds"]
    seconds = _timed(make)
    PRODUCT.write(record_of(product), {"settings": settings, "seconds": seconds})
    print(f"{product}: {seconds} s", flush=True)
    return seconds


def renew(
    product: Path, settings: Mapping[str, Any], make: Callable[[], Any], whole: Callable[[], Any] = lambda: None
) -> bool:
    """Makes a product and its record unless it is there as it was made with these settings; returns whether it did.

    Where `make_once` refuses a product that was made with other settings or altered since, this makes it anew.

    Args:
        settings: what it is made with.
        whole: raises a UserError where something else that belongs to the product is not as it was made.
    """
    settings = _in_json(settings)
    if is_made(product):
        with contextlib.suppress(UserError):
            before = PRODUCT.read(record_of(product))
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
    """The settings as a record has them when it is read again."""
    return json.loads(json.dumps(dict(settings), default=str))


class Steps:
    """Makes products in `folder`, each once.

    A product `NAME` has a record `NAME.made.json` with its settings, among them the hashes of its inputs, and the
    seconds it took. The record is written last, so that a product without one is made again, or gone on with. One
    whose record agrees is used as it is; one that was made otherwise is refused, never overwritten.

    Args:
        command: the door's name, which marks the folder as its own.
        assumed: values of settings that a record lacks, as it was written before they existed.
    """

    def __init__(self, folder: str | Path, command: str, assumed: Mapping[str, Any] | None = None):
        self.folder, self._command = Path(folder), command
        self._assumed = _in_json(assumed or {})
        self._mark = self.folder / f"{command}.json"

    @contextlib.contextmanager
    def opened(self) -> Iterator["Steps"]:
        """A block in which this process alone makes products.

        Raises:
            UserError: the folder holds something else, or another process is at work in it.
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
                if new and list(self.folder.iterdir()) == [self._mark]:  # nothing came of it
                    self._mark.unlink()
                raise

    def make(self, name: str, settings: Mapping[str, Any], make: Callable[[Path], Any]) -> Path:
        """The path of the product `name`, made by `make(path)` unless that was done before.

        Raises:
            UserError: it was made with other settings; or whatever `make` raises.
        """
        path = self.folder / name
        make_once(path, settings, lambda: make(path), self._assumed)
        return path

    def there(self, name: str) -> bool:
        """Whether the product `name` has been made, with whatever settings."""
        return is_made(self.folder / name)

    def seconds(self, name: str) -> float:
        """What it took to make the product `name`, by this call or an earlier one."""
        return PRODUCT.read(record_of(self.folder / name))["seconds"]
