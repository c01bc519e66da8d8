"""Load tests and attacks on a server that answers rerank requests."""
