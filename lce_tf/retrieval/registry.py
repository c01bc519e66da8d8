"""The retrievers by name: `RETRIEVERS["bm25"]`."""

from lce_tf.foundation.registry import Registry
from lce_tf.retrieval.retriever import Retriever

RETRIEVERS = Registry("lce_tf.retrieval", "METHOD", Retriever, "lce_tf.retrieval.retriever.Retriever")
