"""Judgments and runs named on the command line, for the commands that evaluate and compare; and plain text tables."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lce_tf.data.datasets import load_dataset
from lce_tf.data.formats import CHOICES as FORMATS
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.qrels import Qrels, read_qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import Coverage, coverage, parse_measure, unlike_ids
from lce_tf.foundation.settings import check, setting


def run_files(what: str = "run files") -> tuple[str, ...]:
    """A dataclass field for a command's run files, which are positional arguments; `what` begins the help text."""
    layouts = "TREC, MS MARCO or ColBERT layout, compressed or not"
    return setting(help=f"{what}, {layouts}", many=True, positional=True, metavar="RUN")


def level() -> float:
    """A dataclass field for the level of significance tests, 0.01 by default."""
    return setting(
        0.01,
        "level that a corrected p-value must stay below",
        above=0,
        below=1,
        give="must lie above 0 and below 1, as 0.01 does",
    )


@dataclass(frozen=True, kw_only=True)
class ByJudgments:
    """Settings of a command that evaluates runs: where the judgments are."""

    dataset: str | None = setting(None, "take the judgments of this data set: ir_datasets id, folder or pydocs")
    qrels: str | None = setting(None, "take the judgments in this file (TREC's four columns, or BEIR's three)")
    split: str | None = setting(None, "the data set's split, e.g. dev; only with --dataset")

    def __post_init__(self):
        check(self)
        if self.dataset is not None and self.qrels is not None:
            raise UserError(f"--qrels {self.qrels}: not beside --dataset {self.dataset}; give one of them")
        if self.split is not None and self.qrels is not None:
            raise UserError(f"--split {self.split}: has no meaning with --qrels {self.qrels}; leave it out")

    @property
    def named(self) -> bool:
        """Whether a data set or a file with judgments is given."""
        return self.dataset is not None or self.qrels is not None

    def judgments(self) -> Qrels:
        """The judgments of the data set's split, or those in the file.

        Raises:
            UserError: neither is given, or the judgments cannot be read.
        """
        if not self.named:
            raise UserError("by which judgments? Name them with --qrels or --dataset")
        return read_qrels(self.qrels) if self.qrels is not None else load_dataset(self.dataset).qrels(self.split)


@dataclass(frozen=True, kw_only=True)
class Judged(ByJudgments):
    """Settings of a command that evaluates run files of any origin: judgments, and the format of the runs."""

    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS)


def run_names(paths: Sequence[str]) -> dict[str, str]:
    """Display name -> path. The name is the file's name if it is unique, otherwise the path.

    Raises:
        UserError: a path does not exist, or is given twice.
    """
    for index, path in enumerate(paths):
        if not Path(path).exists():
            raise UserError(f"{path}: no such file; give the runs to evaluate")
        if any(Path(path).samefile(other) for other in paths[:index]):
            raise UserError(f"{path}: is given twice; name each run once")
    short = [Path(path).name for path in paths]
    return {name if short.count(name) == 1 else path: path for name, path in zip(short, paths, strict=True)}


def judged_runs(paths: Sequence[str], measures: Sequence[str], by: Judged) -> Iterator[tuple[str, Run, Qrels]]:
    """Yields (run name, run, judgments) for run files, read one at a time; see `read_judged` for notes.

    Measures and paths are checked before any file is read.

    Raises:
        UserError: a fault in a path, a file, a measure or the judgments, or a run without any judged query.
    """
    for measure in measures:
        parse_measure(measure)
    named = run_names(paths)
    judged = by.judgments()
    for name, path in named.items():
        yield name, read_judged(name, path, judged, by.format), judged


def read_judged(name: str, path: str | Path, judged: Qrels, format: str | None = None) -> Run:
    """The run at `path`; notes about queries that only one of run and judgments has go to stderr under its `name`.

    Raises:
        UserError: a fault in the file, or the run has no judged query.
    """
    run = read_run(path, format)
    for note in _met(path, coverage(run, judged)).notes():
        print(f"note: {name}: {note}", file=sys.stderr)
    if strangers := unlike_ids(run, judged):
        print(f"note: {name}: {strangers}", file=sys.stderr)
    return run


def _met(path: str | Path, found: Coverage) -> Coverage:
    if len(found.missing) == found.judged:
        ids = [f"the run has query {found.unjudged[0]}"] if found.unjudged else []
        ids += [f"the judgments have {found.missing[0]}"] if found.missing else ["there are no judgments"]
        raise UserError(f"{path}: holds none of the judged queries ({', '.join(ids)}); give the judgments that fit")
    return found


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of text in left-aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)
