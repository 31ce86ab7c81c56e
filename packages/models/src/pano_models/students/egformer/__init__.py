"""EGformer (Yun et al. 2023)."""
