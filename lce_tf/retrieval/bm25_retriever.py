"""BM25 as a retriever of `lce retrieve`."""

import sys
from dataclasses import dataclass

from lce_tf.errors import UserError
from lce_tf.foundation.settings import setting
from lce_tf.retrieval import bm25, tuning
from lce_tf.retrieval.retriever import Retriever


@dataclass(frozen=True)
class Bm25(Retriever):
    """BM25 in Lucene, by default with the paper's k1 and b."""

    key = "bm25"
    help = "search with BM25 in Lucene"
    example = """example:
  python -m lce_tf.retrieve bm25 --dataset pydocs --split train --depth 200 --output bm25.train.trec

The index is built on first use and kept in the cache ($LCE_CACHE, else ~/.cache/lce_tf); Java need not be installed.
Stems and stop words are those of --language, by Anserini's analyzers; texts in ha, so, sw and yo are only split at
white space.
"""

    k1: float = setting(bm25.K1, "term frequency saturation, 0 to 1000")
    b: float = setting(bm25.B, "length normalisation, 0 to 1")
    language: str = setting("en", f"of passages and queries: {', '.join(bm25.LANGUAGES)}", metavar="CODE")
    tuned: str | None = setting(
        None,
        "use k1 and b tuned on this split (default: train); they are tuned now unless the cache has them",
        bare="train",
        metavar="SPLIT",
    )

    def __post_init__(self):
        super().__post_init__()
        bm25.check_parameters(self.k1, self.b)
        bm25.check_language(self.language)
        if self.tuned is not None and (self.k1, self.b) != (bm25.K1, bm25.B):
            raise UserError(f"--tuned {self.tuned}: finds k1 and b itself; leave out --k1 and --b")

    def search(self, dataset, split, depth, threads, judged):
        k1, b = self.k1, self.b
        if self.tuned is not None:
            found = tuning.tune(dataset, self.tuned, threads=threads, language=self.language)
            k1, b = found.k1, found.b
            print(f"tuned on {self.tuned}: k1 {k1:g}, b {b:g} ({found.path})", file=sys.stderr)  # stdout may be the run
        return bm25.search(dataset, split, depth, k1, b, threads, judged, self.language)
