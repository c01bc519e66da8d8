"""The layouts of run files: how many columns a row has, and what stands in them."""

import argparse
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Format(NamedTuple):
    """A layout: columns a row, and the places of three of them; None for a column that it lacks."""

    width: int
    passage: int
    rank: int | None
    score: int | None
    words: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "trec": Format(6, 2, 3, 4, "query Q0 passage rank score tag"),
        "ranks": Format(3, 1, 2, None, "query passage rank"),
        "scores": Format(3, 1, None, 2, "query passage score"),
        "colbert": Format(4, 1, 2, 3, "query passage rank score"),
    }
)
# What `--format` can say: the layouts that do not show in the number of columns.
CHOICES = ("ranks", "scores", "colbert")
FORMAT_HELP = "what run files of three or four columns hold: " + ", ".join(
    f"{name} ({FORMATS[name].words})" for name in CHOICES
)
# What a file is where nobody says; then its ranks must be ranks, see `lce_tf.data.ranked`.
BY_WIDTH: Mapping[int, str] = MappingProxyType({6: "trec", 3: "ranks", 4: "colbert"})
SHAPES = "a run has 6 (query Q0 passage rank score tag) or 3 (query passage rank)"

# How the first column of a header row is called.
HEADER = frozenset({"query-id", "query_id", "queryid", "qid", "query", "topic", "topic_id", "topic-id"})


def add_format_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--format` to a door that reads runs."""
    parser.add_argument("--format", choices=CHOICES, help=FORMAT_HELP)
