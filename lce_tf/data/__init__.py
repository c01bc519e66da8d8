"""Datasets, runs and judgments: their types, and how they are read, checked and written."""
