"""First-stage retrieval: `bm25` on Lucene, `dense` on an encoder's vectors, `jvm` the only door to Java."""

from lce_tf.errors import UserError


def queries_to_search(dataset, split: str | None, depth: int) -> dict[str, str]:
    """The texts of the split's queries by id, after the checks that any retriever makes before long work.

    Raises: UserError where `depth` is below 1 or the split has no queries.
    """
    if depth < 1:
        raise UserError(f"depth {depth}: must be 1 or more passages a query")
    queries = dataset.queries(split)
    if not queries:
        raise UserError(f"{dataset.name}: split {split!r} has no queries; name another with --split")
    return queries
