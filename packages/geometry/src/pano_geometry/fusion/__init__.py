"""Fusion of overlapping perspective distance maps into one panorama."""

from pano_geometry.fusion.average import ViewsOnErp, align_views, blend_views, project_views
from pano_geometry.fusion.poisson import fuse_gradients

__all__ = ["ViewsOnErp", "align_views", "blend_views", "fuse_gradients", "project_views"]
