"""An optional compiled CPU kernel: `pano_geometry.native.enable()` builds and uses it."""

from pano_geometry.resampling.native import build, kernel
from pano_geometry.resampling.native.build import BuildError
from pano_geometry.resampling.native.kernel import disable, enable, enabled

__all__ = ["BuildError", "build", "disable", "enable", "enabled", "kernel"]
