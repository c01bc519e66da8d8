"""The way of MS MARCO passage at its full size, walked on files of its layout and sizes that are drawn, not copied."""
