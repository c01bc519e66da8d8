"""Training groups: one positive and n - 1 negatives a query, and the batches made of them."""
