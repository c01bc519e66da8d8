"""What queries, passages, runs and judgments are, and how they are read and written without silent loss."""
