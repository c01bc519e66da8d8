"""Speed and memory of `lce_tf`, alone and against other tools: `python -m experiments.bench --help`."""
