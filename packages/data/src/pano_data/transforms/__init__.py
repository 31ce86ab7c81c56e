"""Paired augmentations of panoramas: what moves pixels moves image, distance and masks alike."""

from pano_data.transforms.base import Augmentation, Compose
from pano_data.transforms.colour import Colour
from pano_data.transforms.limit import Limit
from pano_data.transforms.rotate import Rotate
from pano_data.transforms.spherical import Flip, Roll

__all__ = ["Augmentation", "Colour", "Compose", "Flip", "Limit", "Roll", "Rotate"]
