"""Fusion of overlapping perspective distance maps into one panorama."""

from pano_geometry.fusion.align import align_views
from pano_geometry.fusion.blend import blend_views
from pano_geometry.fusion.poisson import fuse_gradients
from pano_geometry.fusion.views import ViewsOnErp, project_views

__all__ = ["ViewsOnErp", "align_views", "blend_views", "fuse_gradients", "project_views"]
