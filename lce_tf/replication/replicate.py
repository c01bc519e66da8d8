"""From preset to printed table: retrieve, train, rerank, evaluate, test, report."""

from pathlib import Path

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import read_run
from lce_tf.evaluation.measures import evaluate
from lce_tf.replication.presets import Preset
from lce_tf.replication.products import Products
from lce_tf.replication.report import Measured, Report, Setting, build, write_all
from lce_tf.replication.rows import BASELINE, OURS, Row, Table

MRR, RECALL = "MRR@10", "R@1000"


def replicate(table: Table, preset: Preset, folder: str | Path, seeds: tuple[int, ...] | None = None) -> Report:
    """Runs every row of a table that is not merely cited and writes the table to `folder`.

    Whatever is already there and was made with the same settings is used, so a stopped call goes on where it was.

    Args:
        seeds: rows are trained once for each; None takes the preset's one.

    Raises:
        UserError: bad settings, or products in `folder` that were made with others.
    """
    seeds = seeds or (preset.training.seed,)
    products = Products(preset, folder)
    qrels = products.qrels()
    results = {row.label: _measured(row, products, qrels, seeds) for row in table.rows if row.kind in (BASELINE, OURS)}
    report = build(table, results, _setting(products, len(qrels), seeds))
    write_all(report, Path(folder))
    return report


def _measured(row: Row, products: Products, qrels: Qrels, seeds: tuple[int, ...]) -> Measured:
    if row.kind == BASELINE:
        paths = [products.first_stage(row.first_stage, products.preset.dev_split)]
    else:
        paths = [products.reranked(row.checkpoint, row.first_stage, seed) for seed in seeds]
    values = [evaluate(read_run(path), qrels, [MRR, RECALL]) for path in paths]
    return Measured.of_seeds([v[MRR] for v in values], [v[RECALL] for v in values])


def _setting(products: Products, queries: int, seeds: tuple[int, ...]) -> Setting:
    preset, training = products.preset, products.preset.training
    departures = training.departures()
    shown = ", ".join(f"{name} {d['here']} (paper: {d['paper']})" for name, d in departures.items())
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
        wall_seconds=round(products.seconds),
        remarks=(f"Recipe: the paper's, but for {shown}.",) if departures else (),
    )
