"""How good a run is (`measures`) and whether one run is better than another (`significance`)."""
