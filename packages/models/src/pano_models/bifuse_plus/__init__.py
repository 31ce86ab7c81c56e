"""BiFuse++ (Wang et al. 2022)."""

from pano_models.bifuse_plus.network import BiFusePlus

__all__ = ["BiFusePlus"]
