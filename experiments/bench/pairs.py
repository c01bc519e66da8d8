"""The pairs and groups of a prepared folder, as every side reads them."""

import json
from pathlib import Path
from typing import NamedTuple


class Pairs(NamedTuple):
    """(query, passage) pairs to be scored.

    Attributes:
        queries, passages: the distinct texts by id.
        pairs: (query id, passage id).
    """

    queries: dict[str, str]
    passages: dict[str, str]
    pairs: list[tuple[str, str]]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The pairs as (query, passage) texts."""
        return [(self.queries[query], self.passages[passage]) for query, passage in self.pairs]

    def first(self, count: int) -> "Pairs":
        """The first `count` pairs with what they need."""
        kept = self.pairs[:count]
        queries, passages = {query for query, _ in kept}, {passage for _, passage in kept}
        return Pairs(only(self.queries, queries), only(self.passages, passages), kept)


def read_pairs(folder: str | Path) -> Pairs:
    """The pairs of a prepared folder, which `experiments.bench.data` wrote."""
    found = json.loads((Path(folder) / "pairs.json").read_text(encoding="utf-8"))
    return Pairs(found["queries"], found["passages"], [tuple(pair) for pair in found["pairs"]])


def read_groups(folder: str | Path) -> list[tuple[str, list[str]]]:
    """(query, its passages with the positive first), in the order in which our training draws them."""
    found = json.loads((Path(folder) / "groups.json").read_text(encoding="utf-8"))
    return [(query, passages) for query, passages in found]


def only(texts: dict[str, str], names: set[str]) -> dict[str, str]:
    """The texts with these names, in their order."""
    return {name: text for name, text in texts.items() if name in names}
