"""The whole path on MS MARCO passage at full size, with generated files of the same layout and sizes."""
