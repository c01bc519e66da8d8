"""From preset to printed table: retrieve, train, rerank, evaluate, test, report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import read_run
from lce_tf.evaluation.measures import evaluate
from lce_tf.evaluation.own_passages import without_own_passages
from lce_tf.paper.outcome import Further, averaged
from lce_tf.paper.report import Measured, Report, Setting, build, write_all
from lce_tf.paper.rows import PAPER_LOSSES, PUBLIC, Row, Table
from lce_tf.replication.further import FurtherSet
from lce_tf.replication.local import model_source
from lce_tf.replication.needed import needed, runs_of
from lce_tf.replication.official import is_msmarco
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import TO_BE_MADE, TUNE, Preset
from lce_tf.replication.products import Products
from lce_tf.replication.submission import write_submission
from lce_tf.reranking.opening import open_checkpoint
from lce_tf.retrieval import bm25
from lce_tf.training.config import follow

MRR, RECALL = "MRR@10", "R@1000"


def replicate(
    table: Table,
    preset: Preset,
    folder: str | Path,
    seeds: tuple[int, ...] | None = None,
    phase: str | None = None,
) -> Report:
    """Makes what the rows of a table need, measures them, and writes the table to `folder`.

    A table that reports the leaderboard's eval queries also gets the file to submit, if the preset has an eval split.
    Products that were made with the same settings are used, so repeating a stopped call resumes it.

    Args:
        seeds: each row is trained once per seed; None: the preset's seed.
        phase: "tables" makes nothing but the table, from products that must be there.

    Raises:
        UserError: bad settings, or products in `folder` that were made with others.
    """
    seeds, table = seeds or (preset.training.seed,), preset.measuring(table)
    products = Products(preset, folder, phase)
    qrels, further = found_first(table, products)
    wanted = needed([table], products, seeds, further)
    for product in wanted:
        made = product.made
        product.make()  # refuses a product that was made with other settings
        if not made:
            print(make_plan([table], preset, folder, seeds).remaining(), flush=True)
    results = {row.label: _measured(row, products, qrels, further, seeds) for row in table.measured_rows}
    setting = _setting(table, products, len(qrels), further, seeds)
    setting = replace(setting, wall_seconds=round(sum(product.record["seconds"] for product in wanted)))
    submitted = next((row for row in table.rows if row.submitted), None)
    if submitted and preset.eval_split:
        path = Path(folder) / f"{table.name}.eval.txt"
        found = _on_eval(submitted, products, seeds, path)
        results[submitted.label] = replace(results[submitted.label], eval=found)
        setting = replace(setting, eval_split=preset.eval_split, submission=f"{path.name}.bz2")
    report = build(table, results, setting)
    write_all(report, Path(folder))
    return report


def found_first(table: Table, products: Products) -> tuple[Qrels, dict[FurtherSet, Qrels]]:
    """The judgments that the table is measured by, of dev and of the further sets, read before any work.

    Raises:
        UserError: judgments, or the models that the table starts from, are missing or faulty.
    """
    preset = products.preset
    for name in (preset.training.backbone, preset.encoder):
        model_source(name)  # refuses a name that is neither a folder nor an id
    for row in table.rows if products.phase is None else ():
        if row.kind == PUBLIC:
            open_checkpoint(dict(preset.cited)[row.label])  # refuses a model that is no cross-encoder
    return products.qrels(), {known: products.judged(known.key) for known in products.further}


def _measured(
    row: Row, products: Products, qrels: Qrels, further: Mapping[FurtherSet, Qrels], seeds: tuple[int, ...]
) -> Measured:
    """A row's results on dev and on the further sets."""
    found = _values(row, products, seeds, products.preset.dev_split, qrels, (MRR, RECALL))
    also = {}
    for known, judged in further.items():
        values = _values(row, products, seeds, known.key, judged, known.measures(judged))
        also[known.label] = {measure: averaged(of_seeds) for measure, of_seeds in values.items()}
    return replace(Measured.of_seeds(found[MRR], found[RECALL]), also=also)


def _values(
    row: Row, products: Products, seeds: tuple[int, ...], split: str, qrels: Qrels, measures: tuple[str, ...]
) -> dict[str, list[dict[str, float]]]:
    """Measure -> for each run of a row on a split or further set: query id -> value.

    On BEIR's sets and samples of them the passages that are the query itself do not count.
    """
    source, runs = products.source(split), runs_of(row, products, seeds, split)
    values = [evaluate(without_own_passages(read_run(run.path), *source, qrels), qrels, measures) for run in runs]
    return {measure: [found[measure] for found in values] for measure in measures}


def _on_eval(row: Row, products: Products, seeds: tuple[int, ...], path: Path) -> Mapping[str, float] | None:
    """Writes the first seed's file to submit; returns each judged query's mean MRR@10, None if eval is not judged."""
    split = products.preset.eval_split
    run = runs_of(row, products, seeds, split)[0]
    write_submission(read_run(run.path), products.eval_queries(), path)
    if not products.preset.eval_judged:
        return None
    return averaged(_values(row, products, seeds, split, products.judged(split), (MRR,))[MRR])


def _setting(
    table: Table, products: Products, queries: int, further: Mapping[FurtherSet, Qrels], seeds: tuple[int, ...]
) -> Setting:
    preset = products.preset
    training = follow(preset.training, preset.training.recipe, preset.asked)
    departures = training.departures()
    recipe = training.recipe
    shown = ", ".join(f"{name} {d['here']} ({recipe}: {d[recipe]})" for name, d in departures.items())
    return Setting(
        preset=preset.name,
        dataset=preset.dataset if preset.share == 1 else f"{preset.dataset} ({preset.share:.0%} of it)",
        split=preset.dev_split,
        queries=queries,
        depth=preset.depth,
        steps=training.steps,
        batch=training.batch,
        learning_rate=training.learning_rate,
        backbone=preset.backbone,
        dense=preset.encoder,
        retrievers=preset.retrievers or {"bm25": "BM25", "dense": preset.encoder},
        seeds=seeds,
        also=tuple(
            Further(known.label, known.name, len(judged), known.min_grade(judged), known.measures(judged))
            for known, judged in further.items()
        ),
        msmarco=is_msmarco(preset.dataset, len(products.dataset.qrels(preset.dev_split))),
        remarks=_seen(table, preset)
        + ((f"Recipe: {recipe}, but for {shown}.",) if departures else ())
        + _retrieval(table, products)
        + tuple(f"Further set {name} is left out: {why}." for name, why in products.left_out.items()),
    )


def _seen(table: Table, preset: Preset) -> tuple[str, ...]:
    """A line on what the rows' trainings share and in what they differ; () if the table trains none."""
    seen = {}
    for wanted in filter(None, (row.checkpoint for row in table.rows)):
        config = preset.training_of(wanted, dev_run=TO_BE_MADE)
        seen[f"{PAPER_LOSSES[wanted.loss]} n = {wanted.group}"] = f"{config.pairs:,} ({config.batch} a step)"
    if not seen:
        return ()
    pairs = ", ".join(f"{name} {count}" for name, count in seen.items())
    return (
        f"Equal in all rows: steps, learning rate, backbone, cuts. Not equal: pairs seen, and groups a step: {pairs}.",
    )


def _retrieval(table: Table, products: Products) -> tuple[str, ...]:
    """Notes on first stages and published checkpoints; () if all of it is the default."""
    preset, lines = products.preset, []
    # Parameters are tuned only for the tables that use them.
    roles = {role for row in table.measured_rows for role in (row.first_stage, row.negatives)}
    if "bm25" in roles and preset.bm25 != (bm25.K1, bm25.B):
        how = "tuned by R@1000 on five sets of training queries" if preset.bm25 == TUNE else "given"
        k1, b = products.bm25_parameters()
        lines.append(f"BM25: k1 {k1:g}, b {b:g}, {how}.")
    if "bm25" in roles and preset.language != "en":
        lines.append(f"BM25's analyzer: Anserini's for {preset.language}.")
    if preset.prebuilt:
        lines.append(f"Dense vectors of the passages: pyserini's index {preset.prebuilt}.")
    cited = dict(preset.cited)
    lines += [f"Row {row.label}: {cited[row.label]}, not trained here." for row in table.rows if row.kind == PUBLIC]
    return tuple(lines)
