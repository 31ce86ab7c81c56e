"""EGformer (Yun et al. 2023)."""

from pano_models.egformer.network import EGFormer

__all__ = ["EGFormer"]
