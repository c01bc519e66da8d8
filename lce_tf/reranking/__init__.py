"""Scores runs with a cross-encoder: engines, batches of fixed shapes, resumable jobs."""
