"""Exports trained cross-encoders to the formats of other tools, with the same weights and scores."""
