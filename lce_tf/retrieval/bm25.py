"""BM25 with Lucene as in pyserini: bag-of-words queries; texts become words by the analyzer of their language.

English has Anserini's default analyzer (Porter stems, stop words), other languages have those that Anserini names. The
Java classes are those that pyserini's `LuceneIndexer` and `LuceneSearcher` wrap, so scores and order equal pyserini's.
Anserini rounds scores to 1e-4, orders equal scores by passage id, and lowers them by 1e-6 per
position so that they decrease strictly.
"""

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.datasets import Dataset, Passage
from lce_tf.data.rows import offsets_of
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, cache_dir
from lce_tf.foundation.progress import Progress
from lce_tf.retrieval import jvm, queries_to_search

K1, B = 0.82, 0.68  # the paper's values, tuned on MS MARCO passages: see `tuning`
INDEX_BLOCK = 5_000  # passages passed to Java at once
SEARCH_BLOCK_ROWS = 200_000  # hits that Java holds at once, about 100 MB
BLANK = "".join(map(chr, range(0x21)))  # the characters that Java's String.trim removes
# Languages for which Anserini has no analyzer: words are what stands between white space.
PRETOKENIZED = ("ha", "so", "sw", "yo")
# Codes of languages: English, those of Anserini's `AnalyzerMap`, and those that it splits at white space.
LANGUAGES = tuple(
    sorted([*"ar bn da de en es fa fi fr hi hu id it ja ko nl no pl pt ru sv te th tr uk zh".split(), *PRETOKENIZED])
)


def search(
    dataset: Dataset,
    split: str | None,
    depth: int,
    k1: float = K1,
    b: float = B,
    threads: int | None = None,
    judged: bool = False,
    language: str = "en",
) -> Run:
    """The BM25 run of the split's queries, at most `depth` passages per query; builds the index on first use.

    `judged` searches only for queries with a relevant passage. Queries that share no word with the collection are left
    out of the run; their number and the first five ids go to stderr. The run's tag is "bm25", with the language where
    that is not English ("bm25-de").

    Raises:
        UserError: a depth below 1, k1 outside 0..1000, b outside 0..1, a language not in `LANGUAGES`, a split without
            queries, or no query finds anything.
    """
    check_parameters(k1, b)
    check_language(language)
    queries = queries_to_search(dataset, split, depth, judged)
    return Index(dataset, threads, language).search(queries, depth, k1, b)


def check_parameters(k1: float, b: float) -> None:
    """Raises UserError unless 0 <= k1 <= 1000 and 0 <= b <= 1; Anserini's rounded scores tell no larger k1 apart."""
    if not (0 <= k1 <= 1000):
        raise UserError(f"k1 {k1}: must lie between 0 and 1000")
    if not (0 <= b <= 1):
        raise UserError(f"b {b}: must lie between 0 and 1")


def check_language(language: str) -> None:
    """Raises UserError unless the language is in `LANGUAGES`."""
    if language not in LANGUAGES:
        raise UserError(f"--language {language!r}: known are {', '.join(LANGUAGES)}")


def suffix(language: str) -> str:
    """What names of things that depend on the language end in: "-de"; "" for English, as before there were others."""
    return "" if language == "en" else f"-{language}"


class Index:
    """A Lucene index of a dataset's passages, opened for search; it is built if the cache has none.

    k1 and b are arguments of `search`, so a grid search uses one index for all its points. The index's folder is
    `cache_dir()/bm25/<collection_key>-anserini-<version>`, and the language where that is not English: another version
    or language may split texts into other words.
    """

    def __init__(self, dataset: Dataset, threads: int | None = None, language: str = "en"):
        check_language(language)
        name = f"{dataset.collection_key}-anserini-{jvm.anserini_version()}{suffix(language)}"
        self.path, self._language = cache_dir() / "bm25" / name, language
        self._threads = threads or os.cpu_count() or 1
        jvm.start(self._threads)
        if not self.path.is_dir():
            _build(dataset, self.path, self._threads, language)
        self._searcher = _open(self.path, language)
        self._json = _hits_to_json()

    def search(self, queries: dict[str, str], depth: int, k1: float = K1, b: float = B, quiet: bool = False) -> Run:
        """The run of `queries` (id -> text), at most `depth` passages per query; see the module's `search`.

        `quiet` shows no progress and does not report queries that find nothing.
        """
        check_parameters(k1, b)
        self._searcher.set_bm25(float(k1), float(b))
        depth = max(1, min(depth, self._searcher.get_total_num_docs()))
        found, passage_ids, scores, counts = [], [], [], []
        with Progress("BM25", len(queries), "queries", quiet=quiet) as progress:
            for block in _blocks(queries.items(), max(1, SEARCH_BLOCK_ROWS // depth)):
                hits = self._search_block([text for _, text in block], depth)
                for (query_id, _), rows in zip(block, hits, strict=True):
                    if rows:
                        found.append(query_id.encode())
                        counts.append(len(rows))
                rows = [row for rows in hits for row in rows]
                passage_ids.append(np.array([row["docid"].encode() for row in rows], dtype="S"))
                scores.append(np.array([row["score"] for row in rows], dtype=np.float64))
                progress.advance(len(block))
        _report_missing(queries, found, quiet, self._language)
        columns = np.concatenate(passage_ids), np.concatenate(scores)
        return Run.build(np.array(found, "S"), offsets_of(counts), *columns, f"bm25{suffix(self._language)}")

    def _search_block(self, texts: list[str], depth: int) -> list[list[dict[str, Any]]]:
        from jnius import JavaException

        # Numbers replace query ids. Java returns all hits as one string, which is 3 times faster than reading each hit.
        numbers = [str(i) for i in range(len(texts))]
        try:
            hits = self._searcher.batch_search(jvm.java_list(texts), jvm.java_list(numbers), depth, self._threads)
        except JavaException as error:
            raise UserError(
                f"{self.path}: search failed ({jvm.reason(error)}); delete the folder to index again"
            ) from error
        by_number = json.loads(self._json.writeValueAsString(hits))
        return [by_number[number] for number in numbers]


def _build(dataset: Dataset, path: Path, threads: int, language: str) -> None:
    """Writes the Lucene index of the dataset's passages to `path`, completely or not at all.

    A passage without text is left out, as in Anserini: no query can find it, and BM25's statistics count only passages
    with words.
    """
    from jnius import JavaException

    with built_folder(path) as folder:
        total = 0
        try:
            indexer = jvm.java("io.anserini.index.SimpleIndexer")(_arguments(folder, threads, language))
            try:
                with Progress("indexing", None, "passages") as progress:
                    for block in _blocks(dataset.passages(), INDEX_BLOCK):
                        documents = [_document(passage) for passage in block if passage.text.strip(BLANK)]
                        if documents:
                            indexer.addRawDocuments(documents)
                        total += len(documents)
                        progress.advance(len(block))
            finally:
                indexer.close()
            searcher = jvm.java("io.anserini.search.SimpleSearcher")(str(folder))
            indexed = searcher.get_total_num_docs()
            searcher.close()
        except JavaException as error:
            raise UserError(f"{path}: the index cannot be written ({jvm.reason(error)}); is the disk full?") from error
        if total == 0:
            raise UserError(f"{dataset.name}: has no passage with text; there is nothing to index")
        if indexed != total:  # Anserini logs a failed write and continues
            raise UserError(f"{path}: only {indexed} of {total} passages could be indexed; is the disk full?")


def _arguments(folder: Path, threads: int, language: str) -> list[str]:
    """The indexer's arguments, as pyserini's `LuceneIndexer` gives them; Anserini takes an unknown code for English."""
    where = ["-input", "", "-collection", "JsonCollection", "-index", str(folder), "-threads", str(threads)]
    return [*where, "-language", language, *["-pretokenized"] * (language in PRETOKENIZED)]


def _document(passage: Passage) -> str:
    return json.dumps({"id": passage.passage_id, "contents": passage.text})


def _open(path: Path, language: str) -> Any:
    from jnius import JavaException

    try:
        searcher = jvm.java("io.anserini.search.SimpleSearcher")(str(path))
        searcher.set_language(language)  # leaves the default analyzer where it does not know the code, as for "en"
        return searcher
    except JavaException as error:
        raise UserError(
            f"{path}: is not a complete index ({jvm.reason(error)}); delete the folder to index again"
        ) from error


def _hits_to_json() -> Any:
    """A Jackson mapper that converts ScoredDoc arrays to ASCII JSON, without their Lucene documents."""
    mapper = jvm.java("com.fasterxml.jackson.databind.ObjectMapper")()
    document = jvm.java("java.lang.Class").forName("org.apache.lucene.document.Document")
    mapper.configOverride(document).setIsIgnoredType(jvm.java("java.lang.Boolean")(True))
    mapper.configure(jvm.java("com.fasterxml.jackson.core.JsonGenerator$Feature").ESCAPE_NON_ASCII, True)
    return mapper


def _blocks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while block := list(itertools.islice(items, size)):
        yield block


def _report_missing(queries: dict[str, str], found: list[bytes], quiet: bool, language: str) -> None:
    if len(found) == len(queries):
        return
    present = set(found)
    missing = [query_id for query_id in queries if query_id.encode() not in present]
    if not found:
        raise UserError(
            f"none of {len(queries)} queries shares a word with a passage; are both in the language of --language "
            f"{language}?"
        )
    if quiet:
        return
    names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    print(f"{len(missing)} of {len(queries)} queries find no passage and are not in the run: {names}", file=sys.stderr)
