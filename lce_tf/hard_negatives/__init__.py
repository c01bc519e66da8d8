"""Lists of hard negatives: drawn from the candidates of one or several runs after likely positives are removed."""
