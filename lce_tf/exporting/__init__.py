"""Trained cross-encoders for other tools: the same weights and scores in formats that those read."""
