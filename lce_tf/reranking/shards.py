"""Divides a run into shards for several machines, and joins the shards again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lce_tf.data.rows import offsets_of, stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.foundation.array_jobs import array_index


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a run: the queries whose number in the run, modulo `count`, is `index`."""

    index: int
    count: int

    def __post_init__(self):
        if not 0 <= self.index < self.count:
            raise UserError(
                f"--shard {self.index}/{self.count}: the index must lie in 0 to {self.count - 1}; "
                f"a Slurm array of them is --array=0-{self.count - 1}"
                if self.count > 0
                else f"--shard {self.index}/{self.count}: there must be 1 shard or more"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard `I/K`; `K` alone means the shard of K whose index is this process's index in an array job.

        Raises:
            UserError: neither form, an index that is not below K, or `K` alone outside an array job.
        """
        index, _, count = text.rpartition("/")
        numbers = [count] if index == "" and "/" not in text else [index, count]
        if not all(number.isascii() and number.isdecimal() for number in numbers):
            raise UserError(f"--shard {text}: give I/K, such as 0/8 for the first of 8 shards, or K in an array job")
        if len(numbers) == 2:
            return cls(int(index), int(count))
        here = array_index(option="--shard I/K")
        if here is None:
            raise UserError(f"--shard {text}: which of the {text}? Give --shard I/{text}, or start an array job")
        return cls(here, int(count))

    def file(self, output: str) -> str:
        """The path of this shard of the run at `output`."""
        return f"{output}.shard-{self.index}-of-{self.count}"

    def of(self, run: Run) -> Run:
        """The queries of the run that belong to this shard, in the run's order; there may be none."""
        return run.take(slice(self.index, None, self.count))

    def queries(self, total: int) -> int:
        """The number of queries that belong to this shard of a run with `total` queries."""
        return len(range(self.index, total, self.count))


def joined(shards: Sequence[Run], raw: Sequence[dict[str, np.ndarray]], tag: str) -> tuple[Run, dict[str, np.ndarray]]:
    """The whole run, made of the shards into which `Shard.of` divided it, and the arrays of all its rows by name.

    Args:
        shards: all shards, in order of index.
        raw: for each shard, arrays of [rows] values by name; the names are the same for all shards.
        tag: the name of the whole run.
    """
    lengths = np.zeros(sum(len(shard.query_ids) for shard in shards), np.int64)
    for index, shard in enumerate(shards):
        lengths[index :: len(shards)] = np.diff(shard.offsets)
    offsets = offsets_of(lengths)
    # Each shard's rows in the whole run.
    rows = [stretches(offsets[:-1][i :: len(shards)], lengths[i :: len(shards)])[0] for i in range(len(shards))]
    queries = [np.arange(index, len(lengths), len(shards)) for index in range(len(shards))]
    run = Run(
        _scattered(queries, [shard.query_ids for shard in shards]),
        offsets,
        _scattered(rows, [shard.passage_ids for shard in shards]),
        _scattered(rows, [shard.scores for shard in shards]),
        tag,
    )
    return run, {name: _scattered(rows, [values[name] for values in raw]) for name in raw[0]}


def _scattered(indices: list[np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
    """One array with the values of each part at the part's indices."""
    result = np.empty(sum(map(len, parts)), np.result_type(*parts))
    for chosen, part in zip(indices, parts, strict=True):
        result[chosen] = part
    return result
