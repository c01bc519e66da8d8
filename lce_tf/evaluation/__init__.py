"""Measures of a run's quality (`measures`) and tests whether one run is better than another (`significance`)."""
