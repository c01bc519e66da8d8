"""The cross-encoder: a Keras encoder of one of `FAMILIES`, its score head, and reading and writing its weights."""
