"""Which of a preset's data and models are on this machine already; downloads and makes nothing."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lce_tf.data.datasets import SPLITS, load_dataset
from lce_tf.data.layouts import holds_collection
from lce_tf.data.qrels import relevant
from lce_tf.foundation.files import cache_dir
from lce_tf.model import hub

# Bytes of the weights on the hub, for plans that are made before their download.
_WEIGHTS = {
    "google/electra-small-discriminator": 54_000_000,
    "google/electra-base-discriminator": 440_000_000,
    "google/electra-large-discriminator": 1_340_000_000,
    "castorini/tct_colbert-v2-hnp-msmarco": 438_000_000,
    "castorini/monot5-base-msmarco": 892_000_000,
}
# Files of ir_datasets that no table needs: candidates and triples made by others.
_UNUSED = ("docpairs", "scoreddocs")


@dataclass(frozen=True)
class Source:
    """Data or a model that a plan needs: its name, kind, whether it is here, that in words, and its size if known."""

    name: str
    kind: str
    here: bool
    state: str
    bytes: int | None = None


def collection_source(name: str, splits: Sequence[str]) -> Source:
    """The collection that `load_dataset` would open by this name, with the size of a download of these splits."""
    if holds_collection(os.path.expanduser(name)):
        return Source(name, "dataset", True, "folder on this machine")
    if name == "pydocs":
        here = _pydocs().is_dir()
        state = "in the cache" if here else "to build from installed packages, half a minute; no download"
        return Source(name, "dataset", here, state)
    if _has_files(_ir_datasets_home() / _archive(name)):
        return Source(name, "dataset", True, f"in {_ir_datasets_home()}")
    size = _download_size(name, splits)
    weight = "size not known" if not size else f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
    state = f"to download, {weight}"
    return Source(name, "dataset", False, f"{state}, by ir_datasets into {_ir_datasets_home()}", size)


def model_source(name: str) -> Source:
    """The backbone or encoder that `hub.locate` would find by this name; the size is that of its weights."""
    if Path(name).is_dir() or name in hub.PACKAGED:
        return Source(name, "model", True, "on this machine", hub.weight_file(hub.locate(name)).stat().st_size)
    name = hub.hub_id(name)
    if cached := _cached_weights(name):
        return Source(name, "model", True, "in Hugging Face's cache", cached.stat().st_size)
    size = _WEIGHTS.get(hub.revised(name)[0])
    state = f"to download from Hugging Face, {f'{size / 1e9:.2f} GB' if size else 'size not known'}"
    return Source(name, "model", False, state, size)


def judged_count(dataset: str, split: str | None) -> int | None:
    """Number of queries of a split that have judgments of any grade; `query_count` if the data are not in a folder."""
    if folder := _folder(dataset):
        return len(load_dataset(folder).qrels(split))
    return query_count(dataset, split, judged=False)


def query_count(dataset: str, split: str | None, judged: bool) -> int | None:
    """Number of queries of a split (`judged`: with a relevant passage); None if it is unknown before a download.

    For a collection that is not here the number is ir_datasets' own, of all queries.
    """
    if folder := _folder(dataset):
        found = load_dataset(folder)
        return sum(map(bool, relevant(found.qrels(split)).values())) if judged else len(found.queries(split))
    if dataset == "pydocs":
        return None
    from lce_tf.data.irds import library

    whole = "/".join(filter(None, (dataset, SPLITS.get(dataset, {}).get(split, split))))
    try:
        return library(dataset).registry[whole].queries_count()
    except (KeyError, AttributeError):
        return None


def _folder(dataset: str) -> str | None:
    """The folder with a data set's collection; None if there is none, as for ids of ir_datasets."""
    name = str(_pydocs()) if dataset == "pydocs" else os.path.expanduser(dataset)
    return name if holds_collection(name) else None


def _pydocs() -> Path:
    from lce_tf.data.pydocs import collection as pydocs

    return cache_dir() / "pydocs" / pydocs.key()


def _ir_datasets_home() -> Path:
    """Where ir_datasets keeps its files, by the rules of `lce_tf.data.irds.library`, without making it."""
    if given := os.environ.get("IR_DATASETS_HOME"):
        return Path(given)
    own = os.path.expanduser("~/.ir_datasets")
    return Path(own) if os.path.isdir(own) else cache_dir() / "ir_datasets"


def _archive(name: str) -> Path:
    """Where ir_datasets keeps an id's files below its home: BEIR's sets have an archive and a folder each."""
    top, *below = name.split("/")
    return Path(top, below[0]) if top == "beir" and below else Path(top)


def _has_files(folder: Path) -> bool:
    """Whether the folder holds texts; before any download ir_datasets puts small files of its own there."""
    return any(file.stat().st_size > 1_000_000 for file in folder.rglob("*") if file.is_file())


def _download_size(name: str, splits: Sequence[str]) -> int | None:
    """Bytes of the files that ir_datasets fetches for the collection and these splits, by its own table."""
    from lce_tf.data.irds import library

    top = name.partition("/")[0]
    files = library(name).util.DownloadConfig.contents().get(top, {})
    own = _archive(name).name
    files = {own: files[own]} if own in files else files
    wanted = {SPLITS.get(name, {}).get(split, split).partition("/")[0] for split in splits}
    sizes = []
    for key, entry in files.items():
        part, _, rest = key.partition("/")
        if isinstance(entry, dict) and (not rest or part in wanted) and not any(word in key for word in _UNUSED):
            sizes.append(entry.get("size_hint") or 0)
    return sum(sizes) or None


def _cached_weights(name: str) -> Path | None:
    import huggingface_hub

    base, revision = hub.revised(name)
    for file in hub.WEIGHT_FILES:
        found = huggingface_hub.try_to_load_from_cache(base, file, revision=revision)
        if isinstance(found, str):
            return Path(found)
    return None
