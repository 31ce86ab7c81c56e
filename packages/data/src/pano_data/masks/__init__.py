"""Masks of usable pixels: who makes them, how they are stored, how they are applied."""

from pano_data.masks.grounded import GroundedMasker
from pano_data.masks.rules import RuleMasker
from pano_data.masks.storage import Masker, MaskFolder, masked_rows, write_masks

__all__ = [
    "GroundedMasker",
    "MaskFolder",
    "Masker",
    "RuleMasker",
    "masked_rows",
    "write_masks",
]
