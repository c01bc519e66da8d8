"""Fused kernels for NVIDIA GPUs, which XLA compiles into the program around them."""
