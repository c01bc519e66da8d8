"""Lists of hard negatives: candidates of one or several runs, cleaned of likely positives and drawn from."""
