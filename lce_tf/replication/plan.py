"""What a table would take, before anything starts: downloads, retrieval, training, reranking, disk and hours."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lce_tf.evaluation.inputs import aligned
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.steps import changed, is_made, record_of
from lce_tf.paper.notes import duration
from lce_tf.paper.rows import BASELINE, PUBLIC, Checkpoint, Row, Table
from lce_tf.replication.local import Source, collection_source, judged_count, model_source, query_count
from lce_tf.replication.made import WHEN_ABSENT
from lce_tf.replication.presets import TO_BE_MADE, TRAIN, TUNE, Preset
from lce_tf.replication.products import Products

# Bytes per row of a TREC file, and of a reranked run, which also keeps its raw scores.
_ROW, _RERANKED_ROW = 45, 53
# A model is written once, and up to two checkpoints hold it with Adam's two moments.
_COPIES = 1 + 2 * 3


@dataclass(frozen=True)
class Task:
    """One product to make.

    Attributes:
        stage: "retrieve", "train" or "rerank".
        name: of its file.
        detail: the amount of work, in words.
        pairs: pairs trained on or scored; 0 for retrieval, None if the number of queries is unknown.
        bytes: roughly how much it takes on the disk; None if unknown.
        there: whether it was made before.
    """

    stage: str
    name: str
    detail: str
    pairs: int | None
    bytes: int | None
    there: bool


@dataclass(frozen=True)
class Plan:
    """All work that some tables take; `text` formats it."""

    title: str
    sources: tuple[Source, ...]
    tasks: tuple[Task, ...]

    def pairs(self, stage: str) -> int:
        """Pairs that are still to be trained on ("train") or scored ("rerank"), as far as known."""
        return sum(task.pairs or 0 for task in self.tasks if task.stage == stage and not task.there)

    def hours(self, rates: tuple[float, float]) -> float:
        """Hours of training and reranking at these pairs a second; retrieval comes on top."""
        return (self.pairs("train") / rates[0] + self.pairs("rerank") / rates[1]) / 3600

    def text(self, rates: tuple[float, float] | None, origin: str) -> str:
        """The plan for a terminal; `origin` says where the rates come from, or why there are none."""
        left = [task for task in self.tasks if not task.there]
        parts = [f"Plan: {self.title}. Nothing has been started, made or downloaded.", ""]
        rows = [("source", "kind", "state")] + [(source.name, source.kind, source.state) for source in self.sources]
        parts += [aligned(rows), ""]
        rows = [("stage", "product", "state", "work")]
        rows += [(t.stage, t.name, "there" if t.there else "to do", t.detail) for t in self.tasks]
        parts += [aligned(rows), ""]
        unknown = any(task.pairs is None for task in left)
        train, rerank = self.pairs("train"), self.pairs("rerank")
        more = ", and more: how many queries there are is not known before the data are here" if unknown else ""
        parts.append(
            f"To do: {len(left)} of {len(self.tasks)} products; {train:,} pairs to train, {rerank:,} to rerank{more}."
        )
        sizes = [task.bytes for task in left]
        short = " without what is not known yet" if None in sizes else ""
        parts.append(
            f"Disk: about {_size(sum(filter(None, sizes)))}{short}; the caches of texts and indexes come on top."
        )
        if rates is None:
            parts.append(f"Time: not estimated: {origin}; give --pairs-per-second TRAIN,RERANK.")
        else:
            at = f"{_rate(rates[0])} pairs/s in training and {_rate(rates[1])} in reranking ({origin})"
            short = " without the reranking that is not known yet," if unknown else ""
            parts.append(f"Time: about {duration(3600 * self.hours(rates))}{short} at {at}; retrieval comes on top.")
        return "\n".join(parts)


def _rate(pairs: float) -> str:
    return f"{pairs:,.0f}" if pairs >= 100 else f"{pairs:.3g}"


def make_plan(tables: Sequence[Table], preset: Preset, folder: str | Path, seeds: Sequence[int] | None = None) -> Plan:
    """The plan of the tables together, each product once; reads what is on this machine and makes nothing."""
    seeds, tables = tuple(seeds or (preset.training.seed,)), [preset.measuring(table) for table in tables]
    products = Products(preset, folder)
    tasks = {}
    for table in tables:
        for row in table.rows:
            for task in _row_tasks(row, products, seeds):
                tasks.setdefault((task.stage, task.name), task)
    order = {"retrieve": 0, "train": 1, "rerank": 2}
    title = f"{', '.join(table.name for table in tables)}, preset {preset.name}, folder {folder}"
    return Plan(title, _sources(products, tables), tuple(sorted(tasks.values(), key=lambda task: order[task.stage])))


def _sources(products: Products, tables: Sequence[Table]) -> tuple[Source, ...]:
    preset = products.preset
    cited = [dict(preset.cited)[row.label] for table in tables for row in table.rows if row.kind == PUBLIC]
    models = dict.fromkeys((preset.training.backbone, preset.encoder, *cited))
    further, left_out = products.named
    splits = [TRAIN, *filter(None, (preset.dev_split, preset.eval_split))]
    splits += [known.split for known in further if known.dataset is None]
    others = [collection_source(known.dataset, [known.split or ""]) for known in further if known.dataset is not None]
    absent = [Source(name, "further set", False, f"left out: {why}") for name, why in left_out.items()]
    return (collection_source(preset.dataset, splits), *others, *absent, *map(model_source, models))


def _row_tasks(row: Row, products: Products, seeds: tuple[int, ...]) -> Iterable[Task]:
    preset = products.preset
    splits = [preset.dev_split, *(known.key for known in products.named[0])]
    if row.kind == BASELINE:
        for split in splits:
            yield _retrieval(products, row.first_stage, split)
    if row.kind == PUBLIC:
        for split in splits:
            yield _retrieval(products, row.first_stage, split)
            yield _reranking(products, products.public_path(row.label, row.first_stage, split), split)
    if not row.checkpoint:
        return
    splits += [preset.eval_split] if row.paper.eval is not None and preset.eval_split else []
    if preset.bm25 == TUNE and "bm25" in (row.first_stage, row.negatives):
        tuned = products.folder / "first_stage" / "bm25.tuned.json"
        yield Task("retrieve", tuned.name, "k1 and b by grid search on training queries", 0, 0, is_made(tuned))
    yield _retrieval(products, row.negatives, TRAIN)
    for split in splits:
        yield _retrieval(products, row.first_stage, split)
    for seed in seeds:
        yield _training(products, row.checkpoint, seed)
        for split in splits:
            path = products.reranked_path(row.checkpoint, row.first_stage, seed, split)
            yield _reranking(products, path, split)


def _retrieval(products: Products, retriever: str, split: str) -> Task:
    preset = products.preset
    depth = preset.training.negatives_depth if split == TRAIN else preset.candidates
    queries = _queries(products, split)
    detail = f"{_count(queries)} queries, top {depth:,}"
    size = None if queries is None else queries * depth * _ROW
    path = products.first_stage_path(retriever, split)
    return Task("retrieve", path.name, detail, 0, size, is_made(path))


def _training(products: Products, wanted: Checkpoint, seed: int) -> Task:
    dev_split = products.preset.dev_split
    config = products.preset.training_of(wanted, seed=seed, dev_split=dev_split, dev_run=TO_BE_MADE)
    weights = model_source(config.backbone).bytes
    path = products.model_folder(wanted, seed)
    state = ", begun" if path.exists() else ""
    if is_made(path):
        recorded = PRODUCT.read(record_of(path))["settings"]
        # The record identifies files by hash, and some files may be still to be made.
        known = {name: value for name, value in asdict(config).items() if name not in ("dataset", "run", "dev_run")}
        recorded = {name: recorded[name] for name in known if name in recorded}
        other = changed(json.loads(json.dumps(known)), recorded, WHEN_ABSENT)
        state = f"; but was made with {other}, and will be refused" if other else ""
    detail = f"{config.steps:,} steps x {config.batch} x {config.members} = {config.pairs:,} pairs{state}"
    return Task("train", path.name, detail, config.pairs, weights and weights * _COPIES, is_made(path))


def _reranking(products: Products, path: Path, split: str) -> Task:
    preset = products.preset
    queries = _queries(products, split)
    pairs = None if queries is None else queries * preset.depth
    total = "" if pairs is None else f" = {pairs:,} pairs"
    size = None if queries is None else queries * preset.candidates * _RERANKED_ROW
    return Task("rerank", path.name, f"{_count(queries)} queries x {preset.depth:,}{total}", pairs, size, is_made(path))


def _queries(products: Products, split: str) -> int | None:
    """Number of queries of a split that the preset uses; None if it is unknown."""
    preset = products.preset
    sampled = preset.share < 1 and not Path(products.dataset_name).is_dir()
    dataset = preset.dataset if sampled else products.dataset_name
    own = split in (TRAIN, preset.dev_split, preset.eval_split)
    if own:
        found = query_count(dataset, split, judged=split != preset.eval_split)
    else:
        known = next(known for known in products.named[0] if known.key == split)
        found = judged_count(known.dataset or dataset, known.split)
        sampled = sampled and known.dataset is None
    if found is not None and sampled:
        found = round(found * preset.share)  # a share of the passages; a query is kept with its passages
    limits = [found, preset.queries] if own and split != TRAIN else [found]
    return min((limit for limit in limits if limit is not None), default=None)


def _count(queries: int | None) -> str:
    return "?" if queries is None else f"{queries:,}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
