"""Estimates the remaining work of tables from the rates of the products made so far."""

from pathlib import Path

from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.steps import record_of
from lce_tf.paper.notes import duration
from lce_tf.replication.plan import Plan, Task
from lce_tf.replication.products import STAGE_OF

_WORDS = {"retrieve": "retrieval", "train": "training", "rerank": "reranking"}


def remaining(plan: Plan, folder: str | Path, jobs: int = 1) -> str:
    """One line: how many of the products are there, and about how long the others take on this machine.

    Training and reranking are estimated by pairs per second, retrieval by its mean time. A stage without a finished
    product is named instead.

    Args:
        jobs: how many products are made at once.
    """
    seconds, unknown = 0.0, []
    for stage, word in _WORDS.items():
        done, left = ([task for task in plan.tasks if task.stage == stage and task.there == there] for there in (1, 0))
        taken = sum(PRODUCT.read(record_of(_path(task, folder)))["seconds"] for task in done)
        if left and not taken:
            unknown.append(word)
        elif left:
            seconds += taken * _work(left) / _work(done)
    there = sum(task.there for task in plan.tasks)
    line = f"{there} of {len(plan.tasks)} products are there"
    if there == len(plan.tasks) or not seconds:
        return line
    without = f" without {' and '.join(unknown)}, not timed yet" if unknown else ""
    return f"{line}; about {duration(seconds / min(jobs, len(plan.tasks) - there))} left{without}"


def _path(task: Task, folder: str | Path) -> Path:
    place = next(name for name, stage in STAGE_OF.items() if stage == task.stage)
    return Path(folder) / place / task.name


def _work(tasks: list[Task]) -> int:
    return sum(task.pairs or 1 for task in tasks)
