"""`pydocs`: the embedded collection, made from the docstrings of installed packages."""
