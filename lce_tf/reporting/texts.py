"""Texts of queries and passages by id, from a data set or from files, for those that a page shows."""

from collections.abc import Collection
from dataclasses import dataclass

from lce_tf.data.datasets import load_dataset
from lce_tf.data.source import Source
from lce_tf.data.text_files import tab_rows


@dataclass(frozen=True)
class Texts:
    """The sources of texts: a file takes precedence over the data set; without either there are no texts.

    Attributes:
        dataset, split: what `load_dataset` takes, and the split of the queries.
        query_file, passage_file: rows of id, tab, text.
    """

    dataset: str | None = None
    split: str | None = None
    query_file: str | None = None
    passage_file: str | None = None

    def queries(self, wanted: Collection[str]) -> dict[str, str]:
        """Query id -> text for those of `wanted` that have one."""
        if self.query_file is not None:
            return _found(self.query_file, "query", wanted)
        if self.dataset is None or not wanted:
            return {}
        texts = load_dataset(self.dataset).queries(self.split)
        return {query_id: texts[query_id] for query_id in wanted if query_id in texts}

    def passages(self, wanted: Collection[str]) -> dict[str, str]:
        """Passage id -> text for those of `wanted` that have one."""
        if self.passage_file is not None:
            return _found(self.passage_file, "passage", wanted)
        if self.dataset is None or not wanted:
            return {}
        wanted = frozenset(wanted)
        return {passage_id: text for passage_id, text in load_dataset(self.dataset).passages() if passage_id in wanted}


def _found(path: str, kind: str, wanted: Collection[str]) -> dict[str, str]:
    wanted = frozenset(wanted)
    with Source(path) as source:
        return {row_id: text for _, row_id, text in tab_rows(source, kind) if row_id in wanted}
