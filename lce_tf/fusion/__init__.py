"""Several runs made one: reciprocal ranks, weighted sums, weights learnt on other queries, means of logits."""
