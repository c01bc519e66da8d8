"""From preset to printed table: retrieve, train, rerank, evaluate, test, report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.evaluation.measures import evaluate
from lce_tf.evaluation.own_passages import without_own_passages
from lce_tf.paper.outcome import Further, averaged
from lce_tf.paper.report import Measured, Report, Setting, build, write_all
from lce_tf.paper.rows import BASELINE, PAPER_LOSSES, PUBLIC, Row, Table
from lce_tf.replication.further import FurtherSet
from lce_tf.replication.local import model_source
from lce_tf.replication.official import is_msmarco
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import TO_BE_MADE, TUNE, Preset
from lce_tf.replication.products import Products
from lce_tf.replication.remaining import remaining
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
    stage: str | None = None,
) -> Report:
    """Runs every row of a table that is not merely cited and writes the table to `folder`.

    A table that reports the leaderboard's eval queries also gets the file to submit, if the preset has an eval split.
    Products that were made with the same settings are used, so repeating a stopped call resumes it.

    Args:
        seeds: each row is trained once per seed; None: the preset's seed.
        stage: "tables" makes nothing but the table, from products that must be there.

    Raises:
        UserError: bad settings, or products in `folder` that were made with others.
    """
    seeds, table = seeds or (preset.training.seed,), preset.measuring(table)
    products = Products(preset, folder, stage, lambda: remaining(make_plan([table], preset, folder, seeds), folder))
    qrels, further = found_first(table, products)
    results = {row.label: _measured(row, products, qrels, further, seeds) for row in table.measured_rows}
    setting = _setting(table, products, len(qrels), further, seeds)
    submitted = next((row for row in table.rows if row.checkpoint and row.paper.eval is not None), None)
    if submitted and preset.eval_split:
        path = Path(folder) / f"{table.name}.eval.txt"
        found = _on_eval(submitted, products, seeds, path)
        results[submitted.label] = replace(results[submitted.label], eval=found)
        # Made again, since its wall time must include the products for eval.
        setting = replace(
            _setting(table, products, len(qrels), further, seeds),
            eval_split=preset.eval_split,
            submission=f"{path.name}.bz2",
        )
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
    for row in table.rows if products.stage is None else ():
        if row.kind == PUBLIC:
            open_checkpoint(dict(preset.cited)[row.label])  # refuses a model that is no cross-encoder
    return products.qrels(), {known: products.judged(known.key) for known in products.further}


def _measured(
    row: Row, products: Products, qrels: Qrels, further: Mapping[FurtherSet, Qrels], seeds: tuple[int, ...]
) -> Measured:
    dev = products.preset.dev_split
    values = [evaluate(run, qrels, [MRR, RECALL]) for run in _as_measured(row, products, seeds, dev)]
    found = Measured.of_seeds([v[MRR] for v in values], [v[RECALL] for v in values])
    on_further = {known.label: _on(known, judged, row, products, seeds) for known, judged in further.items()}
    return replace(found, also=on_further)


def _on(
    known: FurtherSet, qrels: Qrels, row: Row, products: Products, seeds: tuple[int, ...]
) -> dict[str, dict[str, float]]:
    """A row's results on a further set: measure -> query id -> value, mean over the seeds."""
    measures = known.measures(qrels)
    values = [evaluate(run, qrels, measures) for run in _as_measured(row, products, seeds, known.key)]
    return {name: averaged([found[name] for found in values]) for name in measures}


def _as_measured(row: Row, products: Products, seeds: tuple[int, ...], split: str) -> list[Run]:
    """The runs of `_runs`, on BEIR's sets and samples of them without the passages that are the query itself."""
    name, dataset = products.source(split)
    return [without_own_passages(read_run(path), name, dataset) for path in _runs(row, products, seeds, split)]


def _runs(row: Row, products: Products, seeds: tuple[int, ...], split: str) -> list[Path]:
    """The runs of a row on a split or further set: one for each seed where it is trained."""
    if row.kind == BASELINE:
        return [products.first_stage(row.first_stage, split)]
    if row.kind == PUBLIC:
        return [products.reranked_by_public(row.label, row.first_stage, split)]
    return [products.reranked(row.checkpoint, row.first_stage, seed, split) for seed in seeds]


def _on_eval(row: Row, products: Products, seeds: tuple[int, ...], path: Path) -> Mapping[str, float] | None:
    """Writes the first seed's file to submit; returns each judged query's mean MRR@10, None if eval is not judged."""
    preset, queries = products.preset, products.eval_queries()
    runs = _as_measured(row, products, seeds, preset.eval_split)
    write_submission(runs[0], queries, path)
    if not preset.eval_judged:
        return None
    judged = products.dataset.qrels(preset.eval_split)
    qrels = {query_id: judged[query_id] for query_id in queries if query_id in judged}
    values = [evaluate(run, qrels, [MRR])[MRR] for run in runs]
    return averaged(values)


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
        also=tuple(_further(known, judged) for known, judged in further.items()),
        msmarco=is_msmarco(preset.dataset, len(products.dataset.qrels(preset.dev_split))),
        wall_seconds=round(products.seconds),
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


def _further(known: FurtherSet, qrels: Qrels) -> Further:
    return Further(known.label, known.name, len(qrels), known.min_grade(qrels), known.measures(qrels))


def _retrieval(table: Table, products: Products) -> tuple[str, ...]:
    """Notes on first stages and published checkpoints; () if all of it is the default."""
    preset, lines = products.preset, []
    # Parameters are tuned only for the tables that use them.
    roles = {role for row in table.measured_rows for role in (row.first_stage, row.negatives)}
    if "bm25" in roles and preset.bm25 != (bm25.K1, bm25.B):
        how = "tuned by R@1000 on five sets of training queries" if preset.bm25 == TUNE else "given"
        k1, b = products.bm25_parameters()
        lines.append(f"BM25: k1 {k1:g}, b {b:g}, {how}.")
    if preset.prebuilt:
        lines.append(f"Dense vectors of the passages: pyserini's index {preset.prebuilt}.")
    cited = dict(preset.cited)
    lines += [f"Row {row.label}: {cited[row.label]}, not trained here." for row in table.rows if row.kind == PUBLIC]
    return tuple(lines)
