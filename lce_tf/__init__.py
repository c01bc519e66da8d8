"""Cross-encoders in TensorFlow: first-stage runs in, localized contrastive training, reranked runs out.

Importing the package loads nothing else; each part is imported from its own module.
"""

__version__ = "0.1.0"
