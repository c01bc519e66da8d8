"""Several runs made one, by ranks, scores or logits; several checkpoints made one."""
