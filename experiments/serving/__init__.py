"""How a server that answers rerank requests does under load."""
