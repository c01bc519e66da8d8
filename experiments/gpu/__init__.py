"""The bench for a machine with a GPU: training and scoring against PyTorch and sentence-transformers."""
