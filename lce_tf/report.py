"""`python -m lce_tf.report`: one HTML page about runs and trainings, to open, print or send."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lce_tf.arguments import HelpFormatter, callable_door
from lce_tf.data.qrels import Qrels
from lce_tf.destinations import is_stream
from lce_tf.errors import UserError, guarded
from lce_tf.evaluation.inputs import Judged
from lce_tf.files import written
from lce_tf.reporting.page import ReportConfig, page
from lce_tf.reporting.sources import Sources, gather
from lce_tf.reporting.texts import Texts
from lce_tf.settings import add_options, from_options

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
    add_options(options, ReportConfig, fill=True)
    return options


def report(config: ReportConfig) -> str:
    """Writes the page, and returns a line about what is on it.

    Raises:
        UserError: a run, a training, a file of texts or the judgments are at fault.
    """
    sources = gather(config.sources, config.first_stage)
    if not sources.entries:
        raise UserError(f"{config.sources[0]}: is a training without a run; give a run, or its --first-stage")
    qrels, judged_in = _judged(config, sources)
    texts = Texts(*_texts_of(config, sources), config.queries, config.collection)
    text = page(sources, qrels, judged_in, texts, config)
    with written(config.output) as file:
        file.write(text)
    counts = f"{len(sources.entries)} runs, {len(sources.trainings)} trainings, {len(qrels)} queries"
    return f"{counts}: {config.output}"


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page; returns the exit status, 2 for bad input."""
    return guarded(_run, parser().parse_args(argv))


def _run(args: argparse.Namespace) -> None:
    print(report(from_options(ReportConfig, args)), file=sys.stderr if is_stream(args.output) else sys.stdout)


def _judged(config: ReportConfig, sources: Sources) -> tuple[Qrels, str]:
    """The judgments, and where they are from in words: what the flags name, or the tables were measured on."""
    if config.named:
        where = Path(config.qrels).name if config.qrels else _named(config.dataset, config.split)
        return config.judgments(), where
    tables = sources.tables
    if tables is None:
        raise UserError(f"{config.sources[0]}: by which judgments? Name them with --qrels or --dataset")
    if config.split is not None:
        raise UserError(f"--split {config.split}: the tables are of split {tables.split}; leave it out")
    found = Judged(dataset=tables.dataset, split=tables.split).judgments()
    for query_id in tables.queries:
        if query_id not in found:
            raise UserError(f"{tables.dataset}: query {query_id} of the tables has no judgments there; give --qrels")
    return {query_id: found[query_id] for query_id in tables.queries}, _named(tables.shown, tables.split)


def _texts_of(config: ReportConfig, sources: Sources) -> tuple[str | None, str | None]:
    """The data set and split whose texts are shown where no file is given."""
    if config.dataset or sources.tables is None:
        return config.dataset, config.split
    return sources.tables.dataset, sources.tables.split


def _named(dataset: str, split: str | None) -> str:
    shown = Path(dataset).name if Path(dataset).is_absolute() else dataset
    return shown + (f", {split}" if split else "")


callable_door(__name__)

if __name__ == "__main__":
    sys.exit(main())
