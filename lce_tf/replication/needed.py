"""What tables need: the products behind their rows, each once.

`lce tables` makes what `needed` lists, `--plan` counts it, and the items of a cluster's jobs are parts of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lce_tf.foundation.steps import is_made, product_record
from lce_tf.paper.rows import BASELINE, PUBLIC, Row, Table
from lce_tf.replication.further import FurtherSet
from lce_tf.replication.presets import TO_BE_MADE, TRAIN, TUNE
from lce_tf.replication.products import PHASE_OF, Products
from lce_tf.training.config import TrainConfig


@dataclass(frozen=True)
class Product:
    """A product that tables need, made or not.

    Attributes:
        path: of its file or folder.
        make: makes it unless it is made already, and first what it is made from; see `Products`.
        item: the item that makes it on a cluster, such as `lce-n8-bm25`; see `items_of`.
        split: the split or further set whose queries it ranks; None if it is no run.
        training: the settings of a trained checkpoint, without the files that are still to be made; None for others.
        rows: the rows that need it, such as `table1:4`.
    """

    path: Path
    make: Callable[[], Any]
    item: str
    split: str | None = None
    training: TrainConfig | None = None
    rows: set[str] = field(default_factory=set)

    @property
    def phase(self) -> str:
        """The phase that makes it: "retrieve", "train" or "rerank"."""
        return PHASE_OF[self.path.parent.name]

    @property
    def made(self) -> bool:
        """Whether it was made; its settings are not compared."""
        return is_made(self.path)

    @property
    def record(self) -> dict[str, Any]:
        """The record of one that is made: the settings that it was made with, and the seconds that took."""
        return product_record(self.path)


def needed(
    tables: Iterable[Table],
    products: Products,
    seeds: Sequence[int] | None = None,
    further: Iterable[FurtherSet] = (),
) -> list[Product]:
    """The products of the retrieve phase, then those of train, then those of rerank.

    Args:
        products: of the preset and the folder that are meant.
        seeds: each row is trained once per seed; None: the preset's seed.
        further: the sets that rows are measured on besides dev. Which of a preset's own are available is known only
            where the data are.
    """
    preset = products.preset
    rows = [(table.name, row) for table in tables for row in preset.measuring(table).measured_rows]
    # Rows of published checkpoints come last, so that --cited leaves the indices of the other items as they are.
    rows.sort(key=lambda pair: pair[1].kind == PUBLIC)
    found: dict[Path, Product] = {}
    # Further sets come last, so that a run over the eval split remains its own item if that is a further set, too.
    for sets in ([], [known.key for known in further]):
        for table, row in rows:
            for product in _of_row(row, products, seeds or (preset.training.seed,), sets):
                found.setdefault(product.path, product).rows.add(f"{table}:{row.label}")
    phases = list(PHASE_OF.values())
    return sorted(found.values(), key=lambda product: phases.index(product.phase))


def runs_of(row: Row, products: Products, seeds: Sequence[int], split: str) -> list[Product]:
    """The runs that a row is measured by on a split or further set: one for each seed where it is trained."""
    first_stage = row.first_stage
    if row.kind == BASELINE:
        return [_first_stage(products, first_stage, split)]
    # The eval queries are an item of their own; dev and the further sets are one.
    of_item = split if row.submitted and split == products.preset.eval_split else products.preset.dev_split

    def reranked(model: str, make: Callable[[], Path]) -> Product:
        path, whole = (products.reranked_path(model, first_stage, each) for each in (split, of_item))
        return Product(path, make, whole.stem, split)

    if row.kind == PUBLIC:
        make = partial(products.reranked_by_public, row.label, first_stage, split)
        return [reranked(products.public_name(row.label), make)]
    return [
        reranked(
            products.model_folder(row.checkpoint, seed).name,
            partial(products.reranked, row.checkpoint, first_stage, seed, split),
        )
        for seed in seeds
    ]


def _of_row(row: Row, products: Products, seeds: Sequence[int], further: Sequence[str]) -> Iterator[Product]:
    """What a row needs, in an order in which it can be made; some products come twice."""
    preset = products.preset
    splits = [preset.dev_split, *further]
    if row.submitted and preset.eval_split:
        splits.append(preset.eval_split)
    retrieved = [(row.first_stage, split) for split in splits]
    if row.checkpoint:
        retrieved.insert(0, (row.negatives, TRAIN))
        if preset.training.evaluates:
            retrieved.append((row.negatives, preset.dev_split))
    for retriever, split in retrieved:
        if retriever == "bm25" and preset.bm25 == TUNE:
            yield Product(products.tuned_path, products.bm25_parameters, retriever)
        yield _first_stage(products, retriever, split)
    for seed in seeds if row.checkpoint else ():
        training = preset.training_of(row.checkpoint, seed=seed, dev_split=preset.dev_split, dev_run=TO_BE_MADE)
        path = products.model_folder(row.checkpoint, seed)
        yield Product(path, partial(products.trained, row.checkpoint, seed), path.name, training=training)
    for split in splits:
        yield from runs_of(row, products, seeds, split)


def _first_stage(products: Products, retriever: str, split: str) -> Product:
    path = products.first_stage_path(retriever, split)
    return Product(path, partial(products.first_stage, retriever, split), retriever, split)
