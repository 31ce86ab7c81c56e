"""Masks of usable pixels: who makes them, how they are stored, how they are applied."""

from pano_data.masks.folder import MaskFolder
from pano_data.masks.grounded import GroundedMasker
from pano_data.masks.rules import RuleMasker
from pano_data.masks.stage import Masker, masked_rows, write_masks

__all__ = [
    "GroundedMasker",
    "MaskFolder",
    "Masker",
    "RuleMasker",
    "masked_rows",
    "write_masks",
]
