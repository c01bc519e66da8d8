"""Training groups, one positive and n - 1 negatives per query, and batches of them."""
