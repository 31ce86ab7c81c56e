"""Fused kernels for accelerators; used by `resample` where they apply, never imported without need."""
