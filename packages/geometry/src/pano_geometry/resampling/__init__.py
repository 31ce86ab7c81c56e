"""How `resample` gets its values: `BACK_ENDS` lists every way, in the order they are asked."""

from pano_geometry.resampling.back_ends import BACK_ENDS, BackEnd, Request

__all__ = ["BACK_ENDS", "BackEnd", "Request"]
