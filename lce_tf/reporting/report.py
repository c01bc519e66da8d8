"""Makes a report from its configuration: reads the runs, trainings and judgments, and writes the page."""

from pathlib import Path

from lce_tf.data.qrels import Qrels
from lce_tf.errors import UserError
from lce_tf.evaluation.inputs import Judged
from lce_tf.foundation.files import written
from lce_tf.reporting.page import ReportConfig, page
from lce_tf.reporting.sources import Sources, gather
from lce_tf.reporting.texts import Texts


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


def _judged(config: ReportConfig, sources: Sources) -> tuple[Qrels, str]:
    """The judgments and their source in words: those that the flags name, otherwise those behind the tables."""
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
