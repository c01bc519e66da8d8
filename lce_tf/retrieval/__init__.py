"""First-stage retrieval: `bm25` on Lucene, `dense` on an encoder's vectors, `jvm` the only door to Java.

`tuning` finds BM25's parameters, `prebuilt` searches the vectors that pyserini offers for download.
"""

from lce_tf.data.qrels import relevant
from lce_tf.errors import UserError


def queries_to_search(dataset, split: str | None, depth: int, judged: bool = False) -> dict[str, str]:
    """The texts of the split's queries by id, after the checks that any retriever makes before long work.

    `judged` leaves out queries without a relevant passage: of MS MARCO's 808,731 training queries 502,939 have one,
    and the others cannot be trained on.

    Raises: UserError where `depth` is below 1 or the split has no such queries.
    """
    if depth < 1:
        raise UserError(f"depth {depth}: must be 1 or more passages a query")
    queries = dataset.queries(split)
    if not queries:
        raise UserError(f"{dataset.name}: split {split!r} has no queries; name another with --split")
    if judged:
        passages = relevant(dataset.qrels(split))
        queries = {query_id: text for query_id, text in queries.items() if passages.get(query_id)}
        if not queries:
            raise UserError(f"{dataset.name}: split {split!r} has no query with a relevant passage; check its qrels")
    return queries
