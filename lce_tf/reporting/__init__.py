"""An HTML page about a set of runs: measures, training curves, ranks of relevant passages, wins and losses."""
