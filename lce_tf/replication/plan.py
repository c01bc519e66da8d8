"""What tables would take, before anything starts, and what is left while they are made."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lce_tf.evaluation.inputs import aligned
from lce_tf.foundation.steps import changed
from lce_tf.paper.notes import duration
from lce_tf.paper.rows import PUBLIC, Table
from lce_tf.replication.local import Source, collection_source, judged_count, model_source, query_count
from lce_tf.replication.made import WHEN_ABSENT
from lce_tf.replication.needed import Product, needed
from lce_tf.replication.presets import TRAIN, Preset
from lce_tf.replication.products import Products
from lce_tf.training.config import TrainConfig

# Bytes per row of a TREC file, and of a reranked run, which also keeps its raw scores.
_ROW, _RERANKED_ROW = 45, 53
# A model is written once, and up to two checkpoints hold it with Adam's two moments.
_COPIES = 1 + 2 * 3


@dataclass(frozen=True)
class Task:
    """A product, and the work that making it takes.

    Attributes:
        product: what is made.
        detail: the amount of work, in words.
        pairs: pairs trained on or scored; 0 for retrieval, None if the number of queries is unknown.
        bytes: roughly how much it takes on the disk; None if unknown.
    """

    product: Product
    detail: str
    pairs: int | None
    bytes: int | None


@dataclass(frozen=True)
class Plan:
    """All work that some tables take; `text` formats it."""

    title: str
    sources: tuple[Source, ...]
    tasks: tuple[Task, ...]

    def pairs(self, phase: str) -> int:
        """Pairs that are still to be trained on ("train") or scored ("rerank"), as far as known."""
        return sum(task.pairs or 0 for task in self._of(phase, made=False))

    def hours(self, rates: tuple[float, float]) -> float:
        """Hours of training and reranking at these pairs a second; retrieval comes on top."""
        return (self.pairs("train") / rates[0] + self.pairs("rerank") / rates[1]) / 3600

    def text(self, rates: tuple[float, float] | None, origin: str) -> str:
        """The plan for a terminal; `origin` says where the rates come from, or why there are none."""
        left = [task for task in self.tasks if not task.product.made]
        parts = [f"Plan: {self.title}. Nothing has been started, made or downloaded.", ""]
        rows = [("source", "kind", "state")] + [(source.name, source.kind, source.state) for source in self.sources]
        parts += [aligned(rows), ""]
        rows = [("stage", "product", "state", "work")]
        for product, detail in ((task.product, task.detail) for task in self.tasks):
            rows.append((product.phase, product.path.name, "there" if product.made else "to do", detail))
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

    def remaining(self, jobs: int = 1) -> str:
        """One line: how many of the products are there, and about how long the others take on this machine.

        Training and reranking are estimated by the pairs per second of the products made so far, retrieval by its mean
        time. A phase without a finished product is named instead.

        Args:
            jobs: how many products are made at once.
        """
        seconds, unknown = 0.0, []
        for phase, word in (("retrieve", "retrieval"), ("train", "training"), ("rerank", "reranking")):
            done, left = self._of(phase, made=True), self._of(phase, made=False)
            taken = sum(task.product.record["seconds"] for task in done)
            if left and not taken:
                unknown.append(word)
            elif left:
                seconds += taken * sum(task.pairs or 1 for task in left) / sum(task.pairs or 1 for task in done)
        there = sum(task.product.made for task in self.tasks)
        line = f"{there} of {len(self.tasks)} products are there"
        if there == len(self.tasks) or not seconds:
            return line
        without = f" without {' and '.join(unknown)}, not timed yet" if unknown else ""
        return f"{line}; about {duration(seconds / min(jobs, len(self.tasks) - there))} left{without}"

    def _of(self, phase: str, made: bool) -> list[Task]:
        return [task for task in self.tasks if task.product.phase == phase and task.product.made == made]


def _rate(pairs: float) -> str:
    return f"{pairs:,.0f}" if pairs >= 100 else f"{pairs:.3g}"


def make_plan(tables: Sequence[Table], preset: Preset, folder: str | Path, seeds: Sequence[int] | None = None) -> Plan:
    """The plan of the tables together; reads what is on this machine and makes nothing."""
    products = Products(preset, folder)
    # The preset's own further sets are all counted: whether they can be downloaded is not tried here.
    tasks = [_task(product, products) for product in needed(tables, products, seeds, products.named[0])]
    title = f"{', '.join(table.name for table in tables)}, preset {preset.name}, folder {folder}"
    return Plan(title, _sources(products, tables), tuple(tasks))


def _sources(products: Products, tables: Sequence[Table]) -> tuple[Source, ...]:
    preset = products.preset
    rows = [row for table in tables for row in preset.measuring(table).rows]
    cited = [dict(preset.cited)[row.label] for row in rows if row.kind == PUBLIC]
    models = dict.fromkeys((preset.training.backbone, preset.encoder, *cited))
    further, left_out = products.named
    splits = [TRAIN, *filter(None, (preset.dev_split, preset.eval_split))]
    splits += [known.split for known in further if known.dataset is None]
    others = [collection_source(known.dataset, [known.split or ""]) for known in further if known.dataset is not None]
    absent = [Source(name, "further set", False, f"left out: {why}") for name, why in left_out.items()]
    return (collection_source(preset.dataset, splits), *others, *absent, *map(model_source, models))


def _task(product: Product, products: Products) -> Task:
    if product.training:
        return _training(product, product.training)
    if product.split is None:
        return Task(product, "k1 and b by grid search on training queries", 0, 0)
    return _run(product, products.preset, _queries(products, product.split))


def _training(product: Product, config: TrainConfig) -> Task:
    weights = model_source(config.backbone).bytes
    state = ", begun" if product.path.exists() else ""
    if product.made:
        recorded = product.record["settings"]
        # The record identifies files by hash, and some files may be still to be made.
        known = {name: value for name, value in asdict(config).items() if name not in ("dataset", "run", "dev_run")}
        recorded = {name: recorded[name] for name in known if name in recorded}
        other = changed(json.loads(json.dumps(known)), recorded, WHEN_ABSENT)
        state = f"; but was made with {other}, and will be refused" if other else ""
    detail = f"{config.steps:,} steps x {config.batch} x {config.members} = {config.pairs:,} pairs{state}"
    return Task(product, detail, config.pairs, weights and weights * _COPIES)


def _run(product: Product, preset: Preset, queries: int | None) -> Task:
    """The task of a run over so many queries, from a first stage or reranked."""
    count, retrieved = "?" if queries is None else f"{queries:,}", preset.retrieved(product.split)
    rows = None if queries is None else queries * retrieved
    if product.phase == "retrieve":
        return Task(product, f"{count} queries, top {retrieved:,}", 0, rows and rows * _ROW)
    pairs = None if queries is None else queries * preset.depth
    total = "" if pairs is None else f" = {pairs:,} pairs"
    return Task(product, f"{count} queries x {preset.depth:,}{total}", pairs, rows and rows * _RERANKED_ROW)


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


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
