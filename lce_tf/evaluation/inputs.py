"""Judgments and runs named on the command line, for the commands that evaluate and compare; and plain text tables."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lce_tf.data.datasets import load_dataset
from lce_tf.data.formats import add_format_option
from lce_tf.data.qrels import Qrels, read_qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import Coverage, coverage, evaluate, parse_measure, unlike_ids


def add_judgment_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds `--split`, `--format`, and `--dataset` or `--qrels`: exactly one of the two if `required`, else at most
    one."""
    source = parser.add_mutually_exclusive_group(required=required)
    source.add_argument("--dataset", help="take the judgments of this data set: ir_datasets id, folder or pydocs")
    source.add_argument("--qrels", help="take the judgments in this file (TREC's four columns, or BEIR's three)")
    parser.add_argument("--split", help="the data set's split, e.g. dev; only with --dataset")
    add_format_option(parser)


def judgments(dataset: str | None, split: str | None, qrels: str | None) -> Qrels:
    """The judgments of a data set's split, or those in the file `qrels`."""
    if qrels is None:
        return load_dataset(dataset).qrels(split)
    if split is not None:
        raise UserError(f"--split {split}: has no meaning with --qrels {qrels}; leave it out")
    return read_qrels(qrels)


def run_names(paths: Sequence[str]) -> dict[str, str]:
    """Display name -> path. The name is the file's name if it is unique, otherwise the path.

    Raises:
        UserError: a path does not exist, or is given twice.
    """
    for place, path in enumerate(paths):
        if not Path(path).exists():
            raise UserError(f"{path}: no such file; give the runs to evaluate")
        if path in paths[:place]:
            raise UserError(f"{path}: is given twice; name each run once")
    short = [Path(path).name for path in paths]
    return {name if short.count(name) == 1 else path: path for name, path in zip(short, paths, strict=True)}


def judged_runs(
    paths: Sequence[str],
    measures: Sequence[str],
    *,
    dataset: str | None = None,
    split: str | None = None,
    qrels: str | None = None,
    format: str | None = None,
) -> Iterator[tuple[str, Run, Qrels]]:
    """Yields (run name, run, judgments) for run files, read one at a time; notes about coverage go to stderr.

    The judgments come from `dataset` and `split` or from the file `qrels`. Measures and paths are checked before
    anything is read. `format` is as in `read_run`.

    Raises:
        UserError: a fault in a file, a measure or the judgments, or a run without any judged query.
    """
    for measure in measures:
        parse_measure(measure)
    named = run_names(paths)
    judged = judgments(dataset, split, qrels)
    for name, path in named.items():
        yield name, read_judged(name, path, judged, format), judged


def read_judged(name: str, path: str | Path, judged: Qrels, format: str | None = None) -> Run:
    """The run at `path`; notes about its coverage of the judgments go to stderr under its `name`.

    Raises:
        UserError: a fault in the file, or no judged query in it.
    """
    run = read_run(path, format)
    for note in _met(path, coverage(run, judged)).notes():
        print(f"note: {name}: {note}", file=sys.stderr)
    if strangers := unlike_ids(run, judged):
        print(f"note: {name}: {strangers}", file=sys.stderr)
    return run


def evaluate_files(
    paths: Sequence[str],
    measures: Sequence[str],
    *,
    dataset: str | None = None,
    split: str | None = None,
    qrels: str | None = None,
    format: str | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
    """Run name -> measure -> query id -> value for run files; see `judged_runs`."""
    runs = judged_runs(paths, measures, dataset=dataset, split=split, qrels=qrels, format=format)
    return {name: evaluate(run, judged, measures) for name, run, judged in runs}


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
