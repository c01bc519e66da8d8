"""Combines several runs by ranks, scores or logits (`fuse`), and several checkpoints by their weights (`soup`)."""
