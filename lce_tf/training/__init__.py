"""Training a cross-encoder: strategy, schedule, step, checkpoints and the loop around them."""
