"""Fused kernels for accelerators, imported only where `resample` uses them."""
