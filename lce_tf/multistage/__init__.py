"""Trainings of several stages: smaller models from a teacher's scores, and negatives mined in rounds."""
