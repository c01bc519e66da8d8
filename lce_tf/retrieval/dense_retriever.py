"""Exact dense retrieval as a retriever of `lce retrieve`."""

from dataclasses import dataclass

from lce_tf.errors import UserError
from lce_tf.foundation.settings import setting
from lce_tf.retrieval import dense, prebuilt
from lce_tf.retrieval.retriever import Retriever


@dataclass(frozen=True)
class Dense(Retriever):
    """Exact search for the passages whose encoder vectors have the largest inner product with the query's vector."""

    key = "dense"
    help = "exact search with an encoder's vectors"
    example = """example:
  python -m lce_tf.retrieve dense --dataset pydocs --split dev --depth 1000 --output dense.dev.trec

The passages' vectors are made on first use and kept in the cache ($LCE_CACHE, else ~/.cache/lce_tf). If the encoder has
files of sentence-transformers, pooling, similarity and prompts are as these say.
TCT-ColBERTv2 on MS MARCO, as in the paper, on pyserini's index (25 GB), without encoding the collection:
  python -m lce_tf.retrieve dense --dataset msmarco-passage --split dev --output tct.dev.trec --similarity dot \
    --encoder castorini/tct_colbert-v2-hnp-msmarco --pooling tct --prebuilt msmarco-v1-passage.tct_colbert-v2-hnp
"""

    encoder: str = setting("minilm", "minilm, or a folder, hub ID or ID@REVISION in Hugging Face's layout")
    pooling: str | None = setting(
        None,
        "how token vectors become one vector; tct: as in TCT-ColBERT (default: as the encoder's files say, else mean)",
        choices=("mean", "cls", "tct"),
    )
    similarity: str | None = setting(
        None, "how vectors are compared (default: as the encoder's files say, else cosine)", choices=("cosine", "dot")
    )
    max_length: int | None = setting(
        None,
        "maximum tokens of a query or passage (default: 256; tct: 512, and 36 for a query)",
        metavar="TOKENS",
    )
    prebuilt: str | None = setting(
        None,
        f"search an index that pyserini offers, such as {prebuilt.TCT_HNP}, or a folder with one",
        metavar="NAME",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.max_length is not None and self.max_length < 3:
            raise UserError(f"max length {self.max_length}: must be 3 or more tokens, [CLS] and [SEP] included")

    def inputs(self):
        return self.encoder, self.prebuilt

    def search(self, dataset, split, depth, threads, judged):
        from lce_tf.model.embedder import Embedder

        settings = {"pooling": self.pooling, "similarity": self.similarity, "max_length": self.max_length}
        embed = Embedder.load(self.encoder, **settings)
        if self.prebuilt is not None:
            return prebuilt.search(self.prebuilt, embed, dataset, split, depth, threads, judged)
        return dense.search(embed, dataset, split, depth, threads, judged)
