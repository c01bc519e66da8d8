"""First-stage retrieval: `bm25` uses Lucene, `dense` an encoder's vectors; all Java calls go through `jvm`.

`tuning` finds BM25's parameters, `prebuilt` searches vectors that pyserini offers for download.
"""

from lce_tf.data.qrels import relevant
from lce_tf.errors import UserError


def queries_to_search(dataset, split: str | None, depth: int, judged: bool = False) -> dict[str, str]:
    """The split's queries, id -> text; every retriever calls this first, so that bad input fails before long work.

    `judged` leaves out queries without a relevant passage, which cannot be used for training: 502,939 of MS MARCO's
    808,731 training queries have a relevant passage.

    Raises:
        UserError: `depth` is below 1, or the split has no queries (with `judged`: none with a relevant passage).
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
