"""HoHoNet (Sun et al. 2021)."""

from pano_models.hohonet.network import HoHoNet

__all__ = ["HoHoNet"]
