"""`python -m lce_tf.report`: one HTML page about runs and trainings, to open, print or send."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lce_tf.arguments import HelpFormatter
from lce_tf.data.qrels import Qrels
from lce_tf.destinations import is_stream
from lce_tf.errors import UserError, guarded
from lce_tf.evaluation.inputs import add_judgment_options, judgments
from lce_tf.evaluation.measures import EXAMPLES, parse_measure
from lce_tf.files import written
from lce_tf.reporting.page import Settings, page
from lce_tf.reporting.sources import Sources, gather
from lce_tf.reporting.texts import Texts

_EXAMPLE = """example, from a checkout:
  python -m lce_tf.report --qrels tests/files/dl19.qrels.txt.gz --first-stage tests/files/dl19.bm25.trec.gz \\
      --measures nDCG@10 R@100 --output report.html -- tests/files/dl19.colbert.trec.gz

Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the run's ranks.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this door."""
    options = argparse.ArgumentParser(
        description="Writes one HTML page about runs and trainings: measures with significance, training curves, ranks "
        "of relevant passages, and the queries that win and lose against the first stage.",
        epilog=_EXAMPLE,
        formatter_class=HelpFormatter,
    )
    add = options.add_argument
    what = "run files, folders of lce train, or a folder of lce tables, which brings its runs and judgments along"
    add("sources", nargs="+", metavar="RUN_OR_DIR", help=what)
    add_judgment_options(options, required=False)
    add("--queries", metavar="FILE", help="texts of the queries, id<tab>text (default: the data set's, if any)")
    add("--collection", metavar="FILE", help="texts of the passages, id<tab>text (default: the data set's, if any)")
    add("--first-stage", metavar="RUN", help="the run that the run files rerank")
    add("--output", required=True, metavar="FILE", help="the page to write")
    wins = "; by the first one queries win or lose"
    add("--measures", nargs="+", metavar="M", default=list(Settings.measures), help=f"such as {EXAMPLES}{wins}")
    add("--alpha", type=float, default=Settings.alpha, help="level that a corrected p-value must stay below")
    shown = "wins on the page, and losses, at most; the runs share them evenly"
    add("--queries-shown", type=int, default=Settings.queries, help=shown)
    add("--passages-shown", type=int, default=Settings.passages, help="top passages of both lists for each of these")
    add("--characters", type=int, default=Settings.characters, help="where texts of the page are cut")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page; returns the exit status, 2 for bad input."""
    return guarded(_run, parser().parse_args(argv))


def _run(args: argparse.Namespace) -> None:
    settings = _settings(args)
    sources = gather(args.sources, args.first_stage)
    if not sources.entries:
        raise UserError(f"{args.sources[0]}: is a training without a run; give a run, or its --first-stage")
    qrels, judged_in = _judged(args, sources)
    texts = Texts(*_texts_of(args, sources), args.queries, args.collection)
    text = page(sources, qrels, judged_in, texts, settings)
    with written(args.output) as file:
        file.write(text)
    said = sys.stderr if is_stream(args.output) else sys.stdout
    counts = f"{len(sources.entries)} runs, {len(sources.trainings)} trainings, {len(qrels)} queries"
    print(f"{counts}: {args.output}", file=said)


def _settings(args: argparse.Namespace) -> Settings:
    for name in args.measures:
        parse_measure(name)
    if not 0 < args.alpha < 1:
        raise UserError(f"--alpha {args.alpha}: must lie above 0 and below 1, as 0.01 does")
    for flag, least in (("queries_shown", 0), ("passages_shown", 1), ("characters", 1)):
        if getattr(args, flag) < least:
            raise UserError(f"--{flag.replace('_', '-')} {getattr(args, flag)}: must be at least {least}")
    if Path(args.output).is_dir():
        raise UserError(f"{args.output}: is a folder; name a file to write")
    measures = tuple(dict.fromkeys(args.measures))
    return Settings(measures, args.alpha, args.queries_shown, args.passages_shown, args.characters, args.format)


def _judged(args: argparse.Namespace, sources: Sources) -> tuple[Qrels, str]:
    """The judgments, and where they are from in words: what the flags name, or the tables were measured on."""
    if args.dataset or args.qrels:
        found = judgments(args.dataset, args.split, args.qrels)
        return found, Path(args.qrels).name if args.qrels else _named(args.dataset, args.split)
    tables = sources.tables
    if tables is None:
        raise UserError(f"{args.sources[0]}: by which judgments? Name them with --qrels or --dataset")
    if args.split is not None:
        raise UserError(f"--split {args.split}: the tables are of split {tables.split}; leave it out")
    found = judgments(tables.dataset, tables.split, None)
    for query_id in tables.queries:
        if query_id not in found:
            raise UserError(f"{tables.dataset}: query {query_id} of the tables has no judgments there; give --qrels")
    return {query_id: found[query_id] for query_id in tables.queries}, _named(tables.shown, tables.split)


def _texts_of(args: argparse.Namespace, sources: Sources) -> tuple[str | None, str | None]:
    """The data set and split whose texts are shown where no file is given."""
    if args.dataset or sources.tables is None:
        return args.dataset, args.split
    return sources.tables.dataset, sources.tables.split


def _named(dataset: str, split: str | None) -> str:
    shown = Path(dataset).name if Path(dataset).is_absolute() else dataset
    return shown + (f", {split}" if split else "")


if __name__ == "__main__":
    sys.exit(main())
