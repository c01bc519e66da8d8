"""Dense retrieval from an index that pyserini offers for download, such as TCT-ColBERTv2's of MS MARCO passages."""

import contextlib
import difflib
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.rows import offsets_of
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.foundation.files import confined_archives
from lce_tf.foundation.progress import Progress
from lce_tf.retrieval import jvm, queries_to_search
from lce_tf.retrieval.dense import Embed, embedded

TCT_HNP = "msmarco-v1-passage.tct_colbert-v2-hnp"  # vectors of castorini/tct_colbert-v2-hnp-msmarco; 25 GB to download
QUERY_BLOCK = 1_024  # queries searched at once


def search(
    name: str,
    embed: Embed,
    dataset: Dataset,
    split: str | None,
    depth: int,
    threads: int | None = None,
    judged: bool = False,
) -> Run:
    """The run of the split's queries on a prebuilt index; queries are encoded here, pyserini's FaissSearcher searches.

    The order of equal scores, and which of them make the depth, are faiss's own.

    Args:
        name: an index in pyserini's list, downloaded on first use into pyserini's cache, or a folder with the files
            `index` and `docid`.
        embed: the encoder that the index was made with; only the queries are encoded.
        judged: search only for queries with a relevant passage.

    Raises:
        UserError: an unknown name, a failed download (the message says its size and where to put a copy), a damaged
            index, or query vectors of another size than the index's.
    """
    queries = queries_to_search(dataset, split, depth, judged)
    searcher = _open(name)
    vectors = embedded(embed, list(queries), list(queries.values()), "query")
    if vectors.shape[1] != searcher.dimension:
        raise UserError(
            f"{name}: has vectors of size {searcher.dimension}, the encoder gives {vectors.shape[1]}; "
            "name the --encoder that the index was made with"
        )
    return _search(searcher, queries, vectors, depth, threads or os.cpu_count() or 1)


def _search(searcher: Any, queries: dict[str, str], vectors: np.ndarray, depth: int, threads: int) -> Run:
    names = list(queries)
    passage_ids, scores, counts = [], [], []
    with Progress("dense", len(names), "queries") as progress:
        for first in range(0, len(names), QUERY_BLOCK):
            block = names[first : first + QUERY_BLOCK]
            found = searcher.batch_search(vectors[first : first + len(block)], block, k=depth, threads=threads)
            hits = [hit for query_id in block for hit in found[query_id]]
            counts += [len(found[query_id]) for query_id in block]
            passage_ids.append(np.array([hit.docid.encode() for hit in hits], "S"))
            scores.append(np.array([hit.score for hit in hits], np.float64))
            progress.advance(len(block))
    return Run.build(
        np.array([query_id.encode() for query_id in names], "S"),
        offsets_of(counts),
        np.concatenate(passage_ids),
        np.concatenate(scores),
        "dense",
    )


def _open(name: str) -> Any:
    """pyserini's searcher for the index, without a query encoder."""
    jvm.start()  # before pyserini starts it, because pyserini would use any Java it finds
    folder = Path(name) if os.path.isdir(name) else _downloaded(name)
    for part in ("index", "docid"):
        if not (folder / part).is_file():
            raise UserError(f"{folder}: has no file {part}; a faiss index from pyserini has two files, index and docid")
    from pyserini.search.faiss import FaissSearcher

    try:
        return FaissSearcher(str(folder), query_encoder=None)
    except (RuntimeError, OSError, AssertionError) as error:  # faiss raises RuntimeError with a C++ trace
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{folder}: cannot be read as an index ({reason}); delete it and download it again") from error


def _downloaded(name: str) -> Path:
    """The folder of pyserini's index `name`, downloaded on first use."""
    from pyserini.prebuilt_index_info import FAISS_INDEX_INFO
    from pyserini.util import download_prebuilt_index

    if name not in FAISS_INDEX_INFO:
        close = difflib.get_close_matches(name, FAISS_INDEX_INFO, n=3, cutoff=0.5)
        hint = f"close: {', '.join(close)}" if close else f"the paper uses {TCT_HNP}"
        raise UserError(f"--prebuilt {name}: is neither a folder nor a faiss index that pyserini knows; {hint}")
    entry = FAISS_INDEX_INFO[name]
    place = _place(entry)
    try:
        # pyserini prints its progress on stdout, where only results belong.
        with contextlib.redirect_stdout(sys.stderr), confined_archives():
            return Path(download_prebuilt_index(name))
    except tarfile.FilterError as error:
        raise UserError(
            f"prebuilt index {name}: its archive was refused ({error}); report it to its publisher"
        ) from error
    # pyserini raises ValueError if no URL can be reached, AssertionError for a wrong size or checksum, and OSError
    # after an HTTP error, because it opens the missing file.
    except (ValueError, AssertionError, OSError) as error:
        size = entry.get("size compressed (bytes)")
        known = f" ({size / 1e9:.1f} GB)" if size else ""
        raise UserError(
            f"prebuilt index {name}: cannot download {entry['urls'][0]}{known}; try again with a network, unpack the "
            f"file by hand so that {place} holds index and docid, or leave --prebuilt out to encode the collection"
        ) from error


def _place(entry: dict[str, Any]) -> Path:
    """The folder in which pyserini looks for the unpacked index."""
    from pyserini.util import get_cache_home

    file = entry.get("filename") or entry["urls"][0].rsplit("/", 1)[-1]
    return Path(get_cache_home(), "indexes", f"{file.split('.tar.gz')[0]}.{entry['md5']}")
