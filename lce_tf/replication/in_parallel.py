"""Makes the products of tables, several at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lce_tf.foundation.at_once import Task, jobs_here, run_at_once
from lce_tf.foundation.footprint import Footprint
from lce_tf.paper.rows import Table
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import Preset
from lce_tf.replication.products import Products
from lce_tf.replication.remaining import remaining
from lce_tf.replication.replicate import found_first
from lce_tf.replication.stages import TOKENS, Item, stages


class Work(NamedTuple):
    """The arguments of `make_plan`: tables, preset, folder of the products and seeds."""

    tables: tuple[Table, ...]
    preset: Preset
    folder: Path
    seeds: tuple[int, ...]


def jobs_for(preset: Preset) -> int:
    """How many trainings and rerankings of a preset to run at once here; one if it sets a strategy or devices."""
    training = preset.training
    return 1 if training.strategy != "mirrored" or training.devices else jobs_here()


def make_products(work: Work, jobs: int, footprint: Footprint) -> None:
    """Makes the products behind the tables: retrieval item by item, then `jobs` trainings or rerankings at once.

    The longest trainings come first. Repeating an interrupted call resumes it.

    Args:
        footprint: measures the memory of the processes.

    Raises:
        UserError: bad input; a product that was made with other settings, found before the work of its stage; or an
            item that failed, raised once the items running beside it are finished.
    """
    for table in work.tables:
        found_first(work.preset.measuring(table), Products(work.preset, work.folder))
    plan = stages(work.tables, work.preset, work.seeds)
    for stage, at_once in (("retrieve", 1), ("train", jobs), ("rerank", jobs)):
        left = _left(work, stage)
        lacking = [i for i, item in enumerate(plan[stage]) if _lacks(item, left)]
        if lacking:
            for i in set(range(len(plan[stage]))) - set(lacking):
                _make(work, stage, i)  # refuses it if it was made with other settings
        longest_first = sorted(lacking, key=lambda i: -plan[stage][i].pairs)
        tasks = [Task(plan[stage][i].name, _make, (work, stage, i)) for i in longest_first]
        run_at_once(tasks, at_once, footprint, lambda: remaining(make_plan(*work), work.folder, jobs))


def _left(work: Work, stage: str) -> list[str]:
    """The names of the products of a stage that are still to be made."""
    return [task.name for task in make_plan(*work).tasks if task.stage == stage and not task.there]


def _lacks(item: Item, left: Sequence[str]) -> bool:
    """Whether `left` has a product of the item; the token stores, which are no products, are made if any other is."""
    names = left if item.name == TOKENS else [name for name in left if f"{name}.".startswith(f"{item.name}.")]
    return bool(names)


def _make(work: Work, stage: str, index: int) -> None:
    stages(work.tables, work.preset, work.seeds)[stage][index].run(work.folder)
