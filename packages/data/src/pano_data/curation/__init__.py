"""The curation engine of DA²: perspective pictures with distance become panoramas."""

from pano_data.curation.dataset import CuratedDataset
from pano_data.curation.flux import FluxOutpainter
from pano_data.curation.outpaint import OracleOutpainter, Outpainter, PictureSource, blend_known
from pano_data.curation.project import P2E, Placement, Projected
from pano_data.curation.reflect import ReflectionOutpainter

__all__ = [
    "P2E",
    "CuratedDataset",
    "FluxOutpainter",
    "OracleOutpainter",
    "Outpainter",
    "PictureSource",
    "Placement",
    "Projected",
    "ReflectionOutpainter",
    "blend_known",
]
