"""Running the paper's tables: presets, their inputs and products, the plan and the work in stages."""
