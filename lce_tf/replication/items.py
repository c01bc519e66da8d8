"""The work behind tables as items: on a cluster one for each index of a job array, here several at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.at_once import Task, jobs_here, run_at_once
from lce_tf.foundation.footprint import Footprint
from lce_tf.paper.rows import Table
from lce_tf.replication.needed import Product, needed
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import Preset
from lce_tf.replication.products import PHASE_OF, Products
from lce_tf.replication.replicate import found_first, replicate

PHASES = (*PHASE_OF.values(), "tables")  # as --stage names them

# Name of the item that makes the token stores; the other items of its phase are named after retrievers.
TOKENS = "tokens"


@dataclass(frozen=True)
class Item:
    """One piece of work that no other item repeats.

    Attributes:
        phase: one of `PHASES`.
        name: what it makes, such as `lce-n8-bm25`.
        rows: the rows that need it, such as `table1:4`.
        run: called with the folder of the products, does the work, or finds it done, and returns what to print.
            Work of another phase that it needs must be there: a UserError says what is missing. Can be pickled.
        pairs: that it trains on; 0 for other work.
    """

    phase: str
    name: str
    rows: tuple[str, ...]
    run: Callable[[str | Path], str]
    pairs: int = 0


def items_of(tables: Sequence[Table], preset: Preset, seeds: Sequence[int] | None = None) -> dict[str, list[Item]]:
    """The items of every phase, in an order that depends on the arguments alone; the phases are done one by one.

    Within a phase the items are independent of each other and can run at the same time:

    - retrieve: a retriever's runs, one item for all splits since they share its index or vectors; and the token
      stores;
    - train: a checkpoint with one seed, however many rows and tables share it;
    - rerank: a first stage by such a checkpoint;
    - tables: a table, printed and written.

    Further sets are part of these items, since which of them are available is known only where the data are.
    """
    labels = [f"{table.name}:{row.label}" for table in tables for row in table.rows]
    found: dict[str, list[Item]] = {phase: [] for phase in PHASES}
    grouped: dict[tuple[str, str], list[Product]] = {}
    for product in needed(tables, Products(preset, ""), seeds):
        grouped.setdefault((product.phase, product.item), []).append(product)
    for (phase, name), group in grouped.items():
        rows = tuple(label for label in labels if any(label in product.rows for product in group))
        pairs = sum(product.training.pairs for product in group if product.training)
        found[phase].append(Item(phase, name, rows, partial(_make, tables, preset, seeds, phase, name), pairs))
    trained = tuple(label for label in labels if any(label in item.rows for item in found["train"]))
    if trained:
        found["retrieve"].append(Item("retrieve", TOKENS, trained, partial(_make_tokens, tables, preset, seeds)))
    for table in tables:
        rows = tuple(f"{table.name}:{row.label}" for row in table.rows)
        found["tables"].append(Item("tables", table.name, rows, partial(_print, table, preset, seeds)))
    return found


def run_items(items: Sequence[Item], folder: str | Path, index: int | None = None) -> str:
    """Runs item `index` of a phase, or all of them one after the other, and returns the lines to print.

    Raises:
        UserError: there is no such item, or the work of an earlier phase is missing.
    """
    if index is not None and not 0 <= index < len(items):
        raise UserError(
            f"--index {index}: stage {items[0].phase} has {len(items)} items, 0 to {len(items) - 1}; "
            f"--list-stage {items[0].phase} prints them"
        )
    return "\n".join(item.run(folder) for item in (items if index is None else [items[index]]))


def listing(items: Iterable[Item]) -> str:
    """One line for each index: index, name and rows, with tabs between."""
    return "\n".join(f"{index}\t{item.name}\t{' '.join(item.rows)}" for index, item in enumerate(items))


def jobs_for(preset: Preset) -> int:
    """How many trainings and rerankings of a preset to run at once here; one if it sets a strategy or devices."""
    training = preset.training
    return 1 if training.strategy != "mirrored" or training.devices else jobs_here()


def make_products(
    tables: Sequence[Table],
    preset: Preset,
    seeds: Sequence[int] | None,
    folder: str | Path,
    jobs: int,
    footprint: Footprint,
) -> None:
    """Makes the products behind the tables: retrieval item by item, then `jobs` trainings or rerankings at once.

    The longest trainings come first. Repeating an interrupted call resumes it.

    Args:
        footprint: measures the memory of the processes.

    Raises:
        UserError: bad input; a product that was made with other settings, found before the work of its phase; or an
            item that failed, raised once the items running beside it are finished.
    """
    products = Products(preset, folder)
    for table in tables:
        found_first(preset.measuring(table), products)
    found = needed(tables, products, seeds, products.further)
    left = {(product.phase, product.item) for product in found if not product.made}
    for phase, items in items_of(tables, preset, seeds).items():
        lacking = [item for item in items if (phase, item.name) in left]
        for item in items if lacking else ():
            if item.name == TOKENS:
                lacking.append(item)  # whether the token stores are there is not known
            elif item not in lacking:
                item.run(folder)  # refuses products that were made with other settings
        tasks = [Task(item.name, item.run, (folder,)) for item in sorted(lacking, key=lambda item: -item.pairs)]
        at_once = 1 if phase == "retrieve" else jobs
        run_at_once(tasks, at_once, footprint, lambda: make_plan(tables, preset, folder, seeds).remaining(jobs))


def _make(
    tables: Sequence[Table], preset: Preset, seeds: Sequence[int] | None, phase: str, name: str, folder: str | Path
) -> str:
    """Makes the products of an item; returns their paths, one a line."""
    products = Products(preset, folder, phase)
    further = () if phase == "train" else products.further  # finding out which are available may take a download
    mine = [one for one in needed(tables, products, seeds, further) if (one.phase, one.item) == (phase, name)]
    for product in mine:
        product.make()
    return "\n".join(str(product.path) for product in mine)


def _make_tokens(tables: Sequence[Table], preset: Preset, seeds: Sequence[int] | None, folder: str | Path) -> str:
    """The token stores that training and reranking memory-map; made once here instead of by every job at once."""
    from lce_tf.model import hub
    from lce_tf.tokens.texts import passage_store, query_store
    from lce_tf.tokens.tokenizers import WordPieces

    products = Products(preset, folder, "retrieve")
    tokenizer = WordPieces(hub.locate(preset.training.backbone))
    passages, queries = {}, 0
    runs = needed(tables, products, seeds, products.further)
    for split in dict.fromkeys(run.split for run in runs if run.split):
        _, dataset, name = products.located(split)
        if dataset.collection_key not in passages:
            passages[dataset.collection_key] = len(passage_store(dataset, tokenizer))
        queries += len(query_store(dataset, name, tokenizer))
    return f"token stores of {sum(passages.values())} passages and {queries} queries are in the cache"


def _print(table: Table, preset: Preset, seeds: Sequence[int] | None, folder: str | Path) -> str:
    return replicate(table, preset, folder, seeds, phase="tables").markdown()
