"""The HTTP reranker: formats of requests, the batching queue, limits, metrics and the server."""
