"""Trains a cross-encoder: strategy, schedule, step, checkpoints and the training loop."""
