"""A data set's queries and passages as token stores, ready to be packed."""

from lce_tf.data.datasets import Dataset
from lce_tf.tokens.store import TokenStore, content_key
from lce_tf.tokens.tokenizers import WordPieces


def query_store(dataset: Dataset, split: str | None, tokenizer: WordPieces) -> TokenStore:
    """The token store of a split's queries, with the tokenizer's prompt put before each query."""
    texts = {query_id: tokenizer.prompt + text for query_id, text in dataset.queries(split).items()}
    return TokenStore.build(texts.items(), tokenizer, content_key(texts), "queries", len(texts))


def passage_store(dataset: Dataset, tokenizer: WordPieces) -> TokenStore:
    """The token store of the collection."""
    return TokenStore.build(dataset.passages(), tokenizer, dataset.collection_key, "passages")


def passages_are_tokenised(dataset: Dataset, tokenizer: WordPieces) -> bool:
    """Whether the cache has the result of `passage_store`; building it for MS MARCO takes most of an hour."""
    return TokenStore.is_built(tokenizer, dataset.collection_key, "passages")
