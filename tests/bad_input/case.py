"""A bad input: the files, the door they are given to, and what is documented to become of them."""

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lce_tf import evaluate
from lce_tf.evaluation.measures import mean


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        kind: the heading that it stands under.
        given: the input in words.
        call: run in a folder with `files`; gives a door's exit status, or what was read as text.
        files: name -> contents; `prepare` makes what takes a library to make.
        refused: the message, whole; "…" stands for any text. None where the input is handled.
        handled: what is done with it, in words, and
        value: what `call` then gives.
        told: a line on stderr that goes with it.
    """

    kind: str
    given: str
    call: Callable[[], int | str]
    files: Mapping[str, bytes]
    refused: str | None = None
    handled: str | None = None
    value: str | None = None
    told: str | None = None
    prepare: Callable[[], None] | None = None

    def __post_init__(self):
        if (self.refused is None) == (self.handled is None):
            raise ValueError(f"{self.given}: is either refused or handled")

    def write(self, folder: Path) -> None:
        """Writes the files into `folder`, which is the working directory."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if self.prepare:
            self.prepare()


QRELS = b"q1 0 p1 1\n"


def evaluated(*arguments: str, measure: str = "MRR@10") -> int | str:
    """The exit status of `lce evaluate`, or where that is 0 the mean that it finds."""
    arguments = arguments or ("--qrels", "qrels.txt", "run.trec")
    with contextlib.redirect_stdout(io.StringIO()):
        status = evaluate.main(["--measures", measure, "--per-query", "values.json", *arguments])
    if status:
        return status
    [found] = json.loads(Path("values.json").read_text(encoding="utf-8")).values()
    return f"{measure} = {mean(found[measure]):.4g}"


def quietly(main: Callable[[list[str]], int], *arguments: str) -> int:
    """The exit status of a door; what it prints on stdout is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
        return main(list(arguments))
