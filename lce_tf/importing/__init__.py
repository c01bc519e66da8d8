"""Training data of other tools, made a data set in BEIR's layout with a run of its negatives and a teacher's run."""
