"""The HTTP reranker: shapes of requests, the queue that joins them into batches, limits, metrics and the server."""
