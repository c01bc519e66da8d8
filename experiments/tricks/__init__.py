"""Measures what each trick that the paper does not use changes on the embedded collection, over several seeds."""
