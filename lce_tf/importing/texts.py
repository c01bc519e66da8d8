"""Distinct texts, written to a file of BEIR's layout as they come."""

import hashlib
import json
from pathlib import Path
from typing import TextIO

from lce_tf.data.records import checked_id, checked_text
from lce_tf.errors import UserError
from lce_tf.importing.rows import Given

_HASHED = 10  # bytes of the hash that makes the id of a text without one


class Texts:
    """Writes each text once; in memory are only its hash and its id.

    Args:
        path: the file to write, `corpus.jsonl` or `queries.jsonl`.
        kind: "passage" or "query".

    Attributes:
        ids: of the texts, in the order in which they came: the row's own id, or a hash of the text.
        merged: how many own ids were dropped, since their text had come under another id.
    """

    def __init__(self, path: Path, kind: str):
        self._path, self._kind = path, kind
        self._index: dict[bytes, int] = {}
        self._own: dict[str, int] = {}
        self.ids: list[str] = []
        self.merged = 0

    def __enter__(self) -> "Texts":
        self._file: TextIO = open(self._path, "w", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def index(self, given: Given, where: str) -> int:
        """The number of a text; texts that differ in white space alone are one, since data sets are read so.

        Raises:
            UserError: an id that cannot stand in a run, or that another text has already; a text with NUL.
        """
        text = checked_text(f"{given.title} {given.text}", where)
        digest = hashlib.blake2b(text.encode(), digest_size=_HASHED).digest()
        index = self._index.setdefault(digest, len(self.ids))
        new = index == len(self.ids)
        if given.id is not None:
            name = checked_id(given.id, self._kind, where)
            if self._own.setdefault(name, index) != index:
                raise UserError(f"{where}: {self._kind} id {name} has another text above; give each text its own id")
            if not new and self.ids[index] != name:
                self._own[name] = index
                self.merged += 1
        if new:
            self.ids.append(given.id or f"{self._kind[0]}{digest.hex()}")
            title = {"title": given.title} if given.title else {}
            row = json.dumps({"_id": self.ids[index], **title, "text": given.text}, ensure_ascii=False)
            self._file.write(f"{row}\n")
        return index
