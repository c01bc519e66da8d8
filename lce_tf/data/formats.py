"""The layouts of run files: the number of columns and what each column holds."""

import argparse
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Format(NamedTuple):
    """A layout: its number of columns, and the positions of passage, rank and score (None if it has no such column)."""

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
# Values of `--format`: the layouts that the number of columns does not determine.
CHOICES = ("ranks", "scores", "colbert")
FORMAT_HELP = "what run files of three or four columns hold: " + ", ".join(
    f"{name} ({FORMATS[name].words})" for name in CHOICES
)
# The layout assumed when `--format` is not given. Its ranks are then checked, see `lce_tf.data.ranked`.
BY_WIDTH: Mapping[int, str] = MappingProxyType({6: "trec", 3: "ranks", 4: "colbert"})
SHAPES = "a run has 6 (query Q0 passage rank score tag) or 3 (query passage rank)"

# Names of the first column that mark a header row.
HEADER = frozenset({"query-id", "query_id", "queryid", "qid", "query", "topic", "topic_id", "topic-id"})


def add_format_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--format` to the parser of a command that reads runs."""
    parser.add_argument("--format", choices=CHOICES, help=FORMAT_HELP)
