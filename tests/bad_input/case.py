"""A bad input: its files, the command they are given to, and the documented outcome."""

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
        kind: the heading of its section.
        given: the input, described in words.
        call: run in a folder with `files`; returns a command's exit status, or the text that was read.
        files: name -> contents; `prepare` makes files that need a library.
        refused: the whole message; "…" stands for any text. None if the input is handled.
        handled: how it is handled, in words.
        value: what `call` returns then.
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
    """The exit status of `lce evaluate`, or the mean that it prints if the status is 0."""
    arguments = arguments or ("--qrels", "qrels.txt", "run.trec")
    with contextlib.redirect_stdout(io.StringIO()):
        status = evaluate.main(["--measures", measure, "--per-query", "values.json", *arguments])
    if status:
        return status
    [found] = json.loads(Path("values.json").read_text(encoding="utf-8")).values()
    return f"{measure} = {mean(found[measure]):.4g}"


def quietly(main: Callable[[list[str]], int], *arguments: str) -> int:
    """The exit status of a command; its stdout is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
        return main(list(arguments))
