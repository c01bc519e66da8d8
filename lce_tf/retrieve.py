"""`python -m lce_tf.retrieve`: a first-stage run of a data set's queries, by BM25, a dense encoder or another method.

`tune` finds BM25's parameters first.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from lce_tf.data.datasets import load_dataset
from lce_tf.data.layouts import spare_own_file
from lce_tf.data.runs import Run, write_trec
from lce_tf.data.spared import spare_inputs
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, callable_module, parser_for, quiet_tensorflow, wants
from lce_tf.foundation.destinations import is_stream
from lce_tf.foundation.exits import guarded
from lce_tf.foundation.files import check_output
from lce_tf.foundation.option_files import with_files
from lce_tf.foundation.settings import add_options
from lce_tf.retrieval import bm25, heatmap, tuning
from lce_tf.retrieval.registry import RETRIEVERS
from lce_tf.retrieval.retriever import Retriever

_EXAMPLE = "python -m lce_tf.retrieve bm25 --dataset pydocs --split dev --depth 1000 --output bm25.dev.trec"
_TUNE_EXAMPLE = """example:
  python -m lce_tf.retrieve tune --dataset pydocs --split train --subset 1000 --figure bm25.png

Every pair of the grid is searched for five random sets of judged queries; each set has its best pair (of equal ones
the smallest k1, then the smallest b), and their mean is the result. It is kept in the cache, where
`bm25 --tuned` finds it. MS MARCO: k1 0.82, b 0.68, the defaults of `bm25`.
"""


def retrieve(
    retriever: Retriever,
    dataset: str,
    split: str | None,
    output: str | Path,
    *,
    depth: int = 1000,
    judged: bool = False,
    threads: int | None = None,
) -> Run:
    """Retrieves at most `depth` passages per query; writes the run to `output` in TREC's format and returns it.

    Args:
        retriever: such as `RETRIEVERS["bm25"](k1=0.9, b=0.4)`.
        judged: search only for queries with a relevant passage.
        threads: processors to use, as far as there are so many; None: all.

    Raises:
        UserError: bad input, before any long work.
    """
    _check(output, depth, threads)
    spare_inputs(output, retriever.inputs())
    threads = _there(threads)
    run = retriever.search(load_dataset(dataset), split, depth, threads, judged)
    write_trec(run, output)
    return run


def tune_bm25(
    dataset: str,
    split: str | None,
    *,
    grid: tuning.Grid | None = None,
    figure: str | Path | None = None,
    threads: int | None = None,
    language: str = "en",
) -> tuning.Tuning:
    """BM25's parameters tuned on a split's judged queries, drawn to `figure` (PNG) as a heat map if it is given.

    `grid` None: the paper's. `language`: see `bm25.LANGUAGES`. Raises: UserError for bad input, before any long work.
    """
    _check(figure, tuning.DEPTH, threads)
    bm25.check_language(language)
    found = tuning.tune(load_dataset(dataset), split, grid, _there(threads), language)
    if figure is not None:
        heatmap.write_figure(found, figure)
    return found


def parser(names: Iterable[str] = RETRIEVERS) -> argparse.ArgumentParser:
    """The command's argument parser, with a subcommand for each retriever in `names` and one for tuning."""
    options = parser_for("retrieve", __doc__.split(": ", 1)[1].strip(), _EXAMPLE)
    methods = options.add_subparsers(dest="method", required=True, metavar="METHOD")
    for name in names:
        retriever = RETRIEVERS[name]
        method = _method(methods, name, retriever.help or f"search with {name}", retriever.example)
        method.add_argument("--depth", type=int, default=1000, help="passages a query, at most")
        method.add_argument("--judged", action="store_true", help="only for queries with a relevant passage")
        method.add_argument("--output", required=True, metavar="FILE", help="the run to write, in TREC's format")
        _check_fields(name, retriever)
        add_options(method, retriever, fill=True)
    _add_tune(methods)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the run and prints one line about it; returns the exit status, 2 for bad input."""
    quiet_tensorflow()
    return guarded(_run, sys.argv[1:] if argv is None else argv)


def _method(methods, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    method = methods.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=example,
        formatter_class=HelpFormatter,
    )  # fmt: skip
    method.add_argument("--dataset", default="pydocs", help="ir_datasets id, folder, or pydocs (lce list datasets)")
    method.add_argument("--split", help="whose queries, e.g. dev; not needed where the data set has only one")
    method.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processors to use")
    return method


# Options that every retriever has, so its own settings need other names.
_OPTIONS = ("dataset", "split", "threads", "depth", "judged", "output", "method")


def _check_fields(name: str, retriever: type) -> None:
    """Checks that a retriever's settings can be options.

    Raises:
        UserError: one is called like an option of every retriever, or states no help.
    """
    for one in fields(retriever):
        if one.name in _OPTIONS:
            raise UserError(f"{name}: a retriever's setting cannot be called {one.name}; rename the field")
        if not one.metadata.get("help"):
            raise UserError(f"{name}: its setting {one.name} states no help; declare it as setting(default, help)")


def _add_tune(methods) -> None:
    method, paper = _method(methods, "tune", "tune BM25's k1 and b by the paper's grid", _TUNE_EXAMPLE), tuning.Grid()
    for name, values in (("k1", paper.k1), ("b", paper.b)):
        shown = ",".join(map(str, values))
        method.add_argument(f"--{name}-grid", type=_values, default=shown, metavar="X,X,...", help=f"values of {name}")
    method.add_argument("--subset", type=int, default=paper.size, help="queries in each set, at most half of all")
    method.add_argument("--seed", type=int, default=paper.seed, help="of the five sets")
    add_options(method, RETRIEVERS["bm25"], ["language"], fill=True)
    method.add_argument("--figure", metavar="FILE.png", help="draw the heat map")


@wants("numbers with commas between, such as 0.6,0.9,1.2")
def _values(text: str) -> tuple[float, ...]:
    return tuple(float(value) for value in text.split(","))


def _tune(args: argparse.Namespace) -> None:
    begin = time.monotonic()
    grid = tuning.Grid(args.k1_grid, args.b_grid, args.subset, args.seed)
    found = tune_bm25(
        args.dataset, args.split, grid=grid, figure=args.figure, threads=args.threads, language=args.language
    )
    print(heatmap.text(found))
    print(f"{time.monotonic() - begin:.1f} s: {found.path}")


def _run(argv: Sequence[str]) -> None:
    argv = with_files(argv)  # a file may name the method
    own = [name for name in argv[:1] if "." in name and name not in RETRIEVERS]  # package.module.Class
    args = parser([*RETRIEVERS, *own]).parse_args(argv)
    if args.method == "tune":
        return _tune(args)
    begin, flags = time.monotonic(), vars(args).copy()
    method = RETRIEVERS[flags.pop("method")]
    settings = {one.name: flags.pop(one.name) for one in fields(method)}
    run = retrieve(method(**settings), **flags)
    seconds = time.monotonic() - begin
    # If the run goes to stdout, this line goes to stderr.
    said = sys.stderr if is_stream(args.output) else sys.stdout
    print(f"{len(run.query_ids)} queries, {len(run)} rows, {seconds:.1f} s: {args.output}", file=said)


def _check(output: str | Path | None, depth: int, threads: int | None) -> None:
    """Finds faults before the search instead of after it: bad numbers, an output that cannot be written."""
    if depth < 1:
        raise UserError(f"depth {depth}: must be 1 or more passages a query")
    if threads is not None and threads < 1:
        raise UserError(f"threads {threads}: must be 1 or more")
    if output is None:
        return
    spare_own_file(output)
    check_output(output)


def _there(threads: int | None) -> int:
    """The number of processors to use: of those asked for, as many as there are."""
    most = os.cpu_count() or 1
    return most if threads is None else min(threads, most)


callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
