"""The work behind tables as numbered items: on a cluster, one index of a job array is one checkpoint or row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.errors import UserError
from lce_tf.paper.rows import PUBLIC, Checkpoint, Row, Table
from lce_tf.replication.presets import TO_BE_MADE, TRAIN, Preset
from lce_tf.replication.products import Products, seeded_name
from lce_tf.replication.replicate import replicate

STAGES = ("retrieve", "train", "rerank", "tables")

# Name of the item that makes the token stores; the other items of its stage are named after retrievers.
TOKENS = "tokens"


@dataclass(frozen=True)
class Item:
    """One piece of work that no other item repeats.

    Attributes:
        stage: one of `STAGES`.
        name: what it makes, such as `lce-n8-bm25`.
        rows: the rows that need it, such as `table1:4`.
        run: called with the folder of the products, does the work, or finds it done, and returns what to print.
            Work of another stage that it needs must be there: a UserError says what is missing.
        pairs: that it trains on; 0 for other work.
    """

    stage: str
    name: str
    rows: tuple[str, ...]
    run: Callable[[str | Path], str]
    pairs: int = 0


def stages(tables: Sequence[Table], preset: Preset, seeds: Sequence[int] | None = None) -> dict[str, list[Item]]:
    """The items of every stage, in an order that depends on the arguments alone; the stages are done one by one.

    Within a stage the items are independent of each other and can run at the same time:

    - retrieve: a retriever's runs, one item for all splits since they share its index or vectors; and the token
      stores;
    - train: a checkpoint with one seed, however many rows and tables share it;
    - rerank: a first stage by such a checkpoint;
    - tables: a table, printed and written.

    Further sets are part of these items, since which of them are available is known only where the data are.
    """
    seeds = tuple(seeds or (preset.training.seed,))
    tables = [preset.measuring(table) for table in tables]
    jobs = [job for table in tables for job in _jobs(table, preset)]
    return {
        "retrieve": [*_retrievals(jobs, preset), _tokens(jobs, preset)],
        "train": _trainings(jobs, preset, seeds),
        "rerank": _rerankings(jobs, preset, seeds),
        "tables": [_printed(table, preset, seeds) for table in tables],
    }


def run_stage(items: Sequence[Item], folder: str | Path, index: int | None = None) -> str:
    """Runs item `index` of a stage, or all of them one after the other, and returns the lines to print.

    Raises:
        UserError: there is no such item, or the work of an earlier stage is missing.
    """
    if index is not None and not 0 <= index < len(items):
        raise UserError(
            f"--index {index}: stage {items[0].stage} has {len(items)} items, 0 to {len(items) - 1}; "
            f"--list-stage {items[0].stage} prints them"
        )
    return "\n".join(item.run(folder) for item in (items if index is None else [items[index]]))


def listing(items: Iterable[Item]) -> str:
    """One line for each index: index, name and rows, with tabs between."""
    return "\n".join(f"{index}\t{item.name}\t{' '.join(item.rows)}" for index, item in enumerate(items))


class _Job(NamedTuple):
    """A row and the split that it is measured on."""

    label: str
    row: Row
    split: str


def _jobs(table: Table, preset: Preset) -> list[_Job]:
    """What `replicate` asks for: every row on dev, and the one to submit on the eval queries."""
    rows = table.measured_rows
    jobs = [_Job(f"{table.name}:{row.label}", row, preset.dev_split) for row in rows]
    submitted = next((row for row in rows if row.checkpoint and row.paper.eval is not None), None)
    if submitted and preset.eval_split:
        jobs.append(_Job(f"{table.name}:{submitted.label}", submitted, preset.eval_split))
    return jobs


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, tuple[str, ...]]:
    """Key -> its labels, each once; both in order of first appearance."""
    groups: dict[Any, dict[str, None]] = {}
    for key, label in pairs:
        groups.setdefault(key, {})[label] = None
    return {key: tuple(labels) for key, labels in groups.items()}


def _retrievals(jobs: list[_Job], preset: Preset) -> list[Item]:
    evaluates = preset.training.evaluate_every > 0
    measured = {row.first_stage for _, row, _ in jobs}
    needs = []
    for label, row, split in jobs:
        needs.append((row.first_stage, split, label))
        if row.checkpoint:
            needs.append((row.negatives, TRAIN, label))
            needs += [(row.negatives, preset.dev_split, label)] if evaluates else []

    def item(role: str, labels: tuple[str, ...]) -> Item:
        splits = dict.fromkeys(split for other, split, _ in needs if other == role)

        def run(folder):
            products = Products(preset, folder, stage="retrieve")
            wanted = (*splits, *(_further(products) if role in measured else ()))
            return "\n".join(str(products.first_stage(role, split)) for split in dict.fromkeys(wanted))

        return Item("retrieve", role, labels, run)

    return [item(*found) for found in _grouped((role, label) for role, _, label in needs).items()]


def _tokens(jobs: list[_Job], preset: Preset) -> Item:
    """The token stores that training and reranking memory-map; made once here instead of by every job at once."""
    splits = dict.fromkeys(split for job in jobs if job.row.checkpoint for split in (TRAIN, job.split))

    def run(folder):
        from lce_tf.model import hub
        from lce_tf.tokens.texts import passage_store, query_store
        from lce_tf.tokens.tokenizers import WordPieces

        products = Products(preset, folder, stage="retrieve")
        tokenizer = WordPieces(hub.locate(preset.training.backbone))
        passages, queries = {}, 0
        for split in dict.fromkeys((*splits, *_further(products))):
            _, dataset, name = products.located(split)
            if dataset.collection_key not in passages:
                passages[dataset.collection_key] = len(passage_store(dataset, tokenizer))
            queries += len(query_store(dataset, name, tokenizer))
        return f"token stores of {sum(passages.values())} passages and {queries} queries are in the cache"

    return Item("retrieve", TOKENS, tuple(dict.fromkeys(job.label for job in jobs if job.row.checkpoint)), run)


def _trainings(jobs: list[_Job], preset: Preset, seeds: tuple[int, ...]) -> list[Item]:
    def item(wanted: Checkpoint, seed: int, labels: tuple[str, ...]) -> Item:
        def run(folder):
            return str(Products(preset, folder, stage="train").trained(wanted, seed))

        pairs = preset.training_of(wanted, dev_run=TO_BE_MADE).pairs
        return Item("train", seeded_name(wanted.name, seed, preset), labels, run, pairs)

    found = _grouped(((job.row.checkpoint, seed), job.label) for job in jobs if job.row.checkpoint for seed in seeds)
    return [item(*key, labels) for key, labels in found.items()]


def _rerankings(jobs: list[_Job], preset: Preset, seeds: tuple[int, ...]) -> list[Item]:
    def item(wanted: Checkpoint, first_stage: str, split: str, seed: int, labels: tuple[str, ...]) -> Item:
        def run(folder):
            products = Products(preset, folder, stage="rerank")
            splits = [split]
            if split == preset.dev_split:  # other splits (such as eval) have an array index of their own
                further = _further(products)
                splits += [other for other in further if (wanted, first_stage, other, seed) not in found]
            return "\n".join(str(products.reranked(wanted, first_stage, seed, each)) for each in splits)

        name = f"{seeded_name(wanted.name, seed, preset)}.on.{first_stage}"
        return Item("rerank", name if split == preset.dev_split else f"{name}.{split}", labels, run)

    trained = [job for job in jobs if job.row.checkpoint]
    found = _grouped(
        ((job.row.checkpoint, job.row.first_stage, job.split, seed), job.label) for job in trained for seed in seeds
    )
    public = [job for job in jobs if job.row.kind == PUBLIC]
    return [*(item(*key, labels) for key, labels in found.items()), *(_by_public(job, preset) for job in public)]


def _by_public(job: _Job, preset: Preset) -> Item:
    """The reranking of dev and the further sets by a cited row's published checkpoint."""
    label, first_stage = job.row.label, job.row.first_stage

    def run(folder):
        products = Products(preset, folder, stage="rerank")
        splits = [job.split, *_further(products)]
        return "\n".join(str(products.reranked_by_public(label, first_stage, split)) for split in splits)

    return Item("rerank", f"cited-{label}.on.{first_stage}", (job.label,), run)


def _further(products: Products) -> list[str]:
    """Keys of the further sets that rows are measured on besides dev."""
    return [known.key for known in products.further]


def _printed(table: Table, preset: Preset, seeds: tuple[int, ...]) -> Item:
    def run(folder):
        return replicate(table, preset, folder, seeds, stage="tables").markdown()

    return Item("tables", table.name, tuple(f"{table.name}:{row.label}" for row in table.rows), run)
