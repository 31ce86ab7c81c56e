"""UniFuse (Jiang et al. 2021)."""

from pano_models.unifuse.network import UniFuse

__all__ = ["UniFuse"]
