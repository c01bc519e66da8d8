"""A dataset that is a folder in BEIR's layout."""

import re
from collections.abc import Iterator
from pathlib import Path

from lce_tf.data.collection_file import CollectionFile
from lce_tf.data.layouts.layout import Layout
from lce_tf.data.qrels import Qrels, read_qrels
from lce_tf.data.records import Passage
from lce_tf.data.text_files import PACKED, distinct_passages, distinct_queries, json_rows, one_of
from lce_tf.errors import UserError

_LAYOUT = "corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv"
_PACKED = "|".join(re.escape(ending) for ending in PACKED)
_OWN = re.compile(rf"((corpus|queries)\.jsonl|qrels/.+\.(tsv|txt))({_PACKED})")
_JUDGED = re.compile(rf"(.+)\.tsv({_PACKED})")
_ROW = '{"_id": "...", "text": "..."}'


class BeirFolder(Layout):
    """The dataset in a folder of `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`, compressed or not.

    A passage's text is its title and text joined by a space, as in BEIR's own code. The queries of a split are those
    judged in `qrels/SPLIT.tsv`, in the order of `queries.jsonl`. In a folder without `qrels`, the split None holds all
    queries.

    Raises:
        UserError: the folder has no corpus. On reading: the faults that `lce_tf.data.text_files` and
            `lce_tf.data.qrels` refuse, with file and line; and judged queries that `queries.jsonl` lacks.
    """

    key = "beir"
    help = "corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv as BEIR has them, compressed or not"

    @classmethod
    def holds(cls, folder):
        return one_of(folder, "corpus", ("jsonl",)) is not None

    @classmethod
    def owns(cls, file):
        return _OWN.fullmatch(file) is not None

    def __init__(self, path: str | Path):
        self.path, self.name = Path(path), str(path)
        corpus = one_of(self.path, "corpus", ("jsonl",))
        if corpus is None:
            raise UserError(f"{path}: has no corpus.jsonl; a folder in BEIR's layout holds {_LAYOUT}")
        self._collection = CollectionFile(corpus, self.path)
        names = [_JUDGED.fullmatch(file.name) for file in (self.path / "qrels").glob("*.tsv*")]
        self.splits = tuple(sorted({name[1] for name in names if name}))

    @property
    def collection_key(self) -> str:
        """The folder's name and the first 16 digits of the SHA-256 of the corpus file's bytes."""
        return self._collection.key

    def passages(self) -> Iterator[Passage]:
        """Yields the passages in the file's order; empty texts are kept."""
        return distinct_passages(self._collection.path, json_rows, _ROW, self._collection.was_read)

    def queries(self, split: str | None = None) -> dict[str, str]:
        """The queries that `split` judges; None means the only split, or all queries if there are no judgments."""
        path = one_of(self.path, "queries", ("jsonl",))
        if path is None:
            raise UserError(f"{self.path}: has no queries.jsonl; add the file")
        texts, split = distinct_queries(path, json_rows, _ROW), self._resolved(split)
        if split is None:
            return texts
        judged = self.qrels(split)
        if missing := [query_id for query_id in judged if query_id not in texts]:
            raise UserError(f"{path}: has no query {missing[0]}, which qrels/{split}.tsv judges; add it")
        return {query_id: text for query_id, text in texts.items() if query_id in judged}

    def qrels(self, split: str | None = None) -> Qrels:
        """The judgments of `split`; None means the only split."""
        split = self._resolved(split)
        path = split and one_of(self.path / "qrels", split, ("tsv",))
        if not path:
            raise UserError(f"{self.path}: has no qrels/SPLIT.tsv; add the file")
        return read_qrels(path)

    def has_judged(self, split: str | None = None) -> bool:
        """Whether the folder has judgments of `split`; None means the only split."""
        return split in self.splits or (split is None and len(self.splits) == 1)

    def _resolved(self, split: str | None) -> str | None:
        if split is None and len(self.splits) > 1:
            raise UserError(f"{self.name}: has several splits; name one with --split: {', '.join(self.splits)}")
        if split is not None and split not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise UserError(f"{self.name}: has no split '{split}' (no qrels/{split}.tsv); splits: {known}")
        return split or next(iter(self.splits), None)
