"""The cross-encoder: an ELECTRA/BERT encoder in Keras, its score head, and weights in and out."""
