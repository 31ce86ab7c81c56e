"""Masks of usable pixels: who makes them, how they are stored, how they are applied."""

from pano_data.masks.folder import Masker, MaskFolder, masked_rows, write_masks
from pano_data.masks.grounded import GroundedMasker
from pano_data.masks.rules import RuleMasker

__all__ = [
    "GroundedMasker",
    "MaskFolder",
    "Masker",
    "RuleMasker",
    "masked_rows",
    "write_masks",
]
