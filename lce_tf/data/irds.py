"""All access to ir_datasets: its ids, splits and texts, and instructions for when a download fails."""

import contextlib
import difflib
import functools
import os
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from lce_tf.data.qrels import Qrels
from lce_tf.data.records import Dataset, Passage, checked_id, checked_text, slug
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir, confined_archives, make_folder

# Short names for the splits used in the literature; any other split is looked up as id/split.
SPLITS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "msmarco-passage": {
            "train": "train/judged",
            "dev": "dev/small",
            "eval": "eval/small",
            "dl19": "trec-dl-2019/judged",
            "dl20": "trec-dl-2020/judged",
        },
        "msmarco-passage-v2": {
            "dev": "dev1",
            "dl21": "trec-dl-2021/judged",
            "dl22": "trec-dl-2022/judged",
            "dl23": "trec-dl-2023/judged",
        },
        "beir/msmarco": {"dl19": "test"},
    }
)
_EMBEDDED = "pydocs"
_ALL_LOCAL = 5_000_000  # bytes; by default, ir_datasets looks for local copies of files of at least this size


class IrDataset(Dataset):
    """The dataset that ir_datasets knows by `name`; files are downloaded on first use.

    Texts are ir_datasets' default text of a record (BEIR: title and text). ir_datasets keeps its files in
    `$IR_DATASETS_HOME`, else in `~/.ir_datasets` if that exists, else in this package's cache.

    Raises:
        UserError: unknown id (lists similar ones). Later: unknown split (lists the known ones), or a failed download
            (gives its address and where to put a local copy).
    """

    def __init__(self, name: str):
        self.name = name
        self._library = library(name)
        try:
            self._whole = self._library.registry[name]
        except KeyError:
            raise UserError(
                f"'{name}': is neither a folder nor an ir_datasets id; {_alike(name, self._library)}"
            ) from None
        if not self._whole.has("docs"):
            raise UserError(f"{name}: has no passages; name a dataset with a collection")

    @functools.cached_property
    def splits(self) -> tuple[str, ...]:
        """The short names in `SPLITS` first, then all ids below this one that have queries."""
        below = [key[len(self.name) + 1 :] for key in self._library.registry if key.startswith(f"{self.name}/")]
        named = [alias for alias, split in SPLITS.get(self.name, {}).items() if split in below]
        return (*named, *(split for split in sorted(below) if split not in named and self._has(split, "queries")))

    @functools.cached_property
    def collection_key(self) -> str:
        """The id that owns the collection and its number of passages; for pydocs, the hash of its contents."""
        owner = self._library.docs_parent_id(self.name)
        if owner == _EMBEDDED:
            from lce_tf.data.pydocs import collection as pydocs

            return f"{_EMBEDDED}-{pydocs.key()}"
        return f"{slug(owner)}-{self._library.registry[owner].docs_count()}"

    def passages(self) -> Iterator[Passage]:
        """Yields the passages in ir_datasets' order."""
        with downloads(self.name):
            for record in self._whole.docs_iter():
                passage_id = checked_id(record.doc_id, "passage", self.name)
                yield Passage(passage_id, checked_text(_text(record), f"{self.name}, passage {passage_id}"))

    def queries(self, split: str | None = None) -> dict[str, str]:
        """The queries of `split`; None means those of the id itself, or of the only split."""
        name = self._resolved(split, "queries")
        with downloads(name):
            records = list(self._library.registry[name].queries_iter())
        texts = {checked_id(record.query_id, "query", name): _text(record) for record in records}
        return {query_id: checked_text(text, f"{name}, query {query_id}") for query_id, text in texts.items()}

    def qrels(self, split: str | None = None) -> Qrels:
        """The judgments of `split`; None means those of the id itself, or of the only split."""
        name = self._resolved(split, "qrels")
        qrels: Qrels = {}
        with downloads(name):
            for record in self._library.registry[name].qrels_iter():
                query_id, passage_id = checked_id(record.query_id, "query", name), record.doc_id
                qrels.setdefault(query_id, {})[checked_id(passage_id, "passage", name)] = int(record.relevance)
        return qrels

    def has_judged(self, split: str | None = None) -> bool:
        """Whether ir_datasets lists queries and judgments of `split`; None means those of the id itself."""
        try:
            return bool(self._resolved(split, "queries") and self._resolved(split, "qrels"))
        except UserError:
            return False

    def _resolved(self, split: str | None, kind: str) -> str:
        """The ir_datasets id that has the `kind` ("queries" or "qrels") of `split`."""
        if split is None and self._whole.has(kind):
            return self.name
        able = [known for known in self.splits if self._has(known, kind)]
        if split is None and len(able) == 1:
            split = able[0]
        if split is not None and self._has(split, kind):
            return self._id(split)
        what = f"no split '{split}' with" if split else "several splits with" if able else "no"
        ways = [f"name one with --split: {', '.join(able)}"] * bool(able)
        ways += ["leave --split out"] * bool(split and self._whole.has(kind))
        raise UserError(f"{self.name}: has {what} {kind}; {' or '.join(ways) or 'take another dataset'}")

    def _id(self, split: str) -> str:
        return f"{self.name}/{SPLITS.get(self.name, {}).get(split, split)}"

    def _has(self, split: str, kind: str) -> bool:
        try:
            return self._library.registry[self._id(split)].has(kind)
        except KeyError:
            return False


def library(name: str = ""):
    """The ir_datasets module, with `pydocs` registered if `name` belongs to it.

    The folder for ir_datasets' files is set before the import, because the import fixes it.
    """
    if "ir_datasets" not in sys.modules:
        if not os.environ.get("IR_DATASETS_HOME") and not os.path.isdir(os.path.expanduser("~/.ir_datasets")):
            os.environ["IR_DATASETS_HOME"] = str(make_folder(cache_dir() / "ir_datasets"))
        # Accept local copies of files of any size; by default ir_datasets always downloads small files.
        os.environ.setdefault("IR_DATASETS_SMALL_FILE_SIZE", "0")
    import ir_datasets

    if name.partition("/")[0] == _EMBEDDED:
        from lce_tf.data.pydocs import collection as pydocs

        pydocs.register()
    return ir_datasets


def known(name: str):
    """ir_datasets' own object of that id, a folder's name excepted; None if it lists none."""
    try:
        return None if os.path.isdir(name) else library(name).registry[name]
    except KeyError:
        return None


def hub_name(name: str) -> str | None:
    """The id on Hugging Face's hub under which ir_datasets offers a data set; None if it is not one of its own."""
    own = name.partition("/")[0] != _EMBEDDED and known(name) is not None
    return f"irds/{name.replace('/', '_')}" if own else None


def language(name: str) -> str | None:
    """The language of a data set's passages as ir_datasets states it, such as "en"; None if it does not."""
    found = known(name)
    stated = found.docs_lang() if found is not None and found.has("docs") else None
    return stated if re.fullmatch(r"[a-z]{2,3}", str(stated)) else None


@contextlib.contextmanager
def downloads(name: str) -> Iterator[None]:
    """Turns a failed download within the block into a UserError that says what to fetch and where to put it."""
    try:
        with confined_archives():
            yield
    except tarfile.FilterError as error:
        raise UserError(f"{name}: its archive was refused ({error}); report it to its publisher") from error
    except ValueError as error:
        if str(error).startswith("Insufficient disk space"):
            raise UserError(f"{name}: {error}; or set IR_DATASETS_HOME to a larger disk") from error
        raise
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError) and isinstance(error.args[0], Path):
            raise UserError(
                f"{name}: {error.args[0]} must be put there by hand; {_page(name)} says where to get it"
            ) from error
        url, reason = _failed(error)
        if url is None and (isinstance(error, RuntimeError) or error.errno is not None):
            raise  # not a download: a folder that cannot be written, or a fault in the program
        raise UserError(f"{name}: {_by_hand(url, reason, name)}") from error


def _failed(error: Exception) -> tuple[str | None, str]:
    """(address that could not be fetched, or None if the exception does not tell it; reason)."""
    if len(error.args) == 2 and isinstance(error.args[1], list):  # "All download sources failed", [(mirror, error)]
        tried = [(source.url, reason) for source, reason in error.args[1] if hasattr(source, "url")]
        if tried:
            return tried[0][0], type(tried[0][1]).__name__
    return getattr(getattr(error, "request", None), "url", None), type(error).__name__


def _by_hand(url: str | None, reason: str, name: str) -> str:
    if url is None:
        return f"its download failed ({reason}); try again with a network, or see {_page(name)}"
    entry = _entry(library().util.DownloadConfig.contents(), url)
    size = f" ({-(-entry['size_hint'] // 1000):,} kB)" if entry.get("size_hint") else ""
    fault = f"cannot download {url}{size}: {reason}"
    too_small = entry.get("size_hint", _ALL_LOCAL) < int(os.environ.get("IR_DATASETS_SMALL_FILE_SIZE", _ALL_LOCAL))
    if not entry.get("expected_md5") or entry.get("skip_local") or too_small:
        return f"{fault}; try again with a network, or see {_page(name)}"
    place = library().util.home_path() / "downloads" / entry["expected_md5"]
    return f"{fault}; try again with a network, or put the file at {place}"


def _entry(table: dict, url: str) -> dict:
    """ir_datasets' description of the file at `url`, from anywhere in its nested table; {} if it has none."""
    if table.get("url") == url:
        return table
    return next((hit for value in table.values() if isinstance(value, dict) and (hit := _entry(value, url))), {})


def _page(name: str) -> str:
    return f"https://ir-datasets.com/{name.partition('/')[0]}.html"


def _alike(name: str, ir_datasets) -> str:
    close = difflib.get_close_matches(name, [_EMBEDDED, *ir_datasets.registry], n=4, cutoff=0.6)
    return f"close: {', '.join(close)}" if close else "https://ir-datasets.com lists the ids"


def _text(record: tuple) -> str:
    """The record's default text; for record types without one, all text fields except the id, joined by spaces."""
    if hasattr(record, "default_text"):
        return record.default_text()
    return " ".join(value for value in record[1:] if isinstance(value, str))
