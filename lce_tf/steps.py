"""The folder of a command of several steps: each product has a record of what it was made from, so work goes on."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.files import make_folder, read_json, write_json
from lce_tf.locks import alone

VERSION = 1


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
        self._assumed = json.loads(json.dumps(dict(assumed or {})))
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
        if self._mark.is_file() and (found := read_json(self._mark).get("version")) != VERSION:
            raise UserError(f"{self._mark}: is of version {found!r}, not {VERSION}; choose another --output")
        make_folder(self.folder)
        with alone(self.folder):
            new = not self._mark.is_file()
            if new:
                write_json(self._mark, {"command": self._command, "version": VERSION})
            try:
                yield self
            except UserError:
                if new and list(self.folder.iterdir()) == [self._mark]:  # nothing came of it
                    self._mark.unlink()
                if not there:
                    with contextlib.suppress(OSError):
                        self.folder.rmdir()
                raise

    def make(self, name: str, settings: Mapping[str, Any], make: Callable[[Path], Any]) -> Path:
        """The path of the product `name`, made by `make(path)` unless that was done before.

        Raises:
            UserError: it was made with other settings; or whatever `make` raises.
        """
        path = self.folder / name
        record = path.with_name(f"{path.name}.made.json")
        settings = json.loads(json.dumps(dict(settings)))
        if record.is_file() and path.exists():
            self._refuse_changed(path, settings, read_json(record)["settings"])
            return path
        start = time.monotonic()
        make(path)
        seconds = round(time.monotonic() - start, 1)
        write_json(record, {"settings": settings, "seconds": seconds})
        print(f"{path}: {seconds} s", flush=True)
        return path

    def _refuse_changed(self, path: Path, settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
        for name in {**settings, **recorded}:
            now = settings.get(name, self._assumed.get(name))
            before = recorded.get(name, self._assumed.get(name))
            if now != before:
                raise UserError(
                    f"{path}: was made with {name} {before!r}, not {now!r}; choose another --output, or delete it to "
                    "have it made again"
                )
