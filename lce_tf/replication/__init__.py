"""Running the paper's tables: presets, the products that tables need, and what makes them."""
