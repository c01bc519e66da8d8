"""A dataset that is a folder in MS MARCO's layout."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from lce_tf.data.collection_file import CollectionFile
from lce_tf.data.layouts.layout import Layout
from lce_tf.data.qrels import Qrels, read_qrels
from lce_tf.data.records import Passage
from lce_tf.data.text_files import PACKED, distinct_passages, distinct_queries, one_of, tab_rows
from lce_tf.errors import UserError

# File names of TREC's Deep Learning tracks for MS MARCO passage: split -> kind -> name without its ending.
TREC_DL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {f"dl{year}": {"queries": f"msmarco-test20{year}-queries", "qrels": f"20{year}qrels-pass"} for year in ("19", "20")}
)
_ENDINGS = {"queries": ("tsv",), "qrels": ("tsv", "txt")}
_LAYOUT = "collection.tsv, queries.SPLIT.tsv and qrels.SPLIT.tsv or .txt, each compressed or not"
_PACKED = "|".join(re.escape(ending) for ending in PACKED)
_TREC_STEMS = "|".join(stem for stems in TREC_DL.values() for stem in stems.values())
_OWN = re.compile(rf"((collection|queries|qrels)(\..+)?|{_TREC_STEMS})\.(tsv|txt)({_PACKED})")


class MsMarcoFolder(Layout):
    """The dataset in a folder: `collection.tsv`, `queries.SPLIT.tsv`, `qrels.SPLIT.tsv` or `.txt`, compressed
    or not.

    Rows of the first two are `id<tab>text`; tabs within a text become spaces. `queries.tsv` and `qrels.txt`, without a
    split's name, are the split None. If MS MARCO's `queries.dev.small.tsv` is there, `dev` means `dev.small`, the 6,980
    queries that the literature calls dev; likewise `eval`. TREC's `msmarco-test2019-queries.tsv` and
    `2019qrels-pass.txt` are the split `dl19`, which may also be named as in ir_datasets; likewise `dl20`.

    Raises:
        UserError: the folder does not exist or has no collection. On reading, with file and line: rows without a tab;
            ids that are empty, hold white space or occur twice; queries without text; NUL; bytes that are not UTF-8.
            Also damaged or cut-off compressed files.
    """

    key = "msmarco"
    help = "collection.tsv, queries.SPLIT.tsv and qrels.SPLIT.tsv as MS MARCO has them, compressed or not"

    @classmethod
    def holds(cls, folder):
        return one_of(folder, "collection", ("tsv",)) is not None

    @classmethod
    def owns(cls, file):
        return _OWN.fullmatch(file) is not None

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.name = str(path)
        if not self.path.is_dir():
            raise UserError(f"{path}: no such folder; a dataset folder holds {_LAYOUT}")
        collection = one_of(self.path, "collection", ("tsv",))
        if collection is None:
            raise UserError(f"{path}: has no collection.tsv or collection.tsv.gz; a dataset folder holds {_LAYOUT}")
        self._collection = CollectionFile(collection, self.path)
        found = [re.fullmatch(rf"queries(?:\.(.+))?\.tsv({_PACKED})", file.name) for file in self.path.iterdir()]
        splits = {match[1] for match in found if match}
        splits |= {
            split for split, stems in TREC_DL.items() if one_of(self.path, stems["queries"], _ENDINGS["queries"])
        }
        self.splits = tuple(sorted(splits - {None}))
        self._splitless = None in splits

    @property
    def collection_key(self) -> str:
        """The folder's name and the first 16 digits of the SHA-256 of the collection file's bytes."""
        return self._collection.key

    def passages(self) -> Iterator[Passage]:
        """Yields the passages in the file's order; empty texts are kept."""
        return distinct_passages(self._collection.path, tab_rows, "id, tab, text", self._collection.was_read)

    def queries(self, split: str | None = None) -> dict[str, str]:
        """The queries of `split`, in the file's order; None means the only split, or the one without a name."""
        return distinct_queries(self._file("queries", self._resolved(split)), tab_rows, "id, tab, text")

    def qrels(self, split: str | None = None) -> Qrels:
        """The judgments of `split`; None means the only split, or the one without a name."""
        return read_qrels(self._file("qrels", self._resolved(split)))

    def has_judged(self, split: str | None = None) -> bool:
        """Whether the folder has files with the queries and the judgments of `split`."""
        try:
            return all(self._file(kind, self._resolved(split)) for kind in _ENDINGS)
        except UserError:
            return False

    def _resolved(self, split: str | None) -> str | None:
        if split is None:
            if self._splitless or not self.splits:
                return None
            if len(self.splits) == 1:
                return self.splits[0]
            raise UserError(f"{self.name}: has several splits; name one with --split: {', '.join(self.splits)}")
        if f"{split}.small" in self.splits:
            return f"{split}.small"
        if split not in self.splits:
            split = trec_dl(split) or split
        if split not in self.splits:
            known = ", ".join(self.splits) or "none"
            hint = "; leave --split out for queries.tsv" if self._splitless else ""
            raise UserError(f"{self.name}: has no split '{split}' (no queries.{split}.tsv); splits: {known}{hint}")
        return split

    def _file(self, kind: str, split: str | None) -> Path:
        """The file of the `kind` ("queries" or "qrels") of a split."""
        stems = [kind if split is None else f"{kind}.{split}", *filter(None, [TREC_DL.get(split, {}).get(kind)])]
        for stem in stems:
            if path := one_of(self.path, stem, _ENDINGS[kind]):
                return path
        names = " or ".join(f"{stem}.{ending}" for stem in stems for ending in _ENDINGS[kind])
        raise UserError(f"{self.path}: has no {names}; add the file")


def trec_dl(split: str) -> str | None:
    """The key in `TREC_DL` for an ir_datasets split such as trec-dl-2019 or trec-dl-2019/judged; None for others."""
    match = re.fullmatch(r"trec-dl-20(\d\d)(/judged)?", split)
    short = f"dl{match[1]}" if match else split
    return short if short in TREC_DL else None
