"""Panoramic depth networks: DA2, DAP, UniFuse, BiFuse++, HoHoNet, EGFormer, teachers and checkpoints."""

from pano_models import outputs
from pano_models.da2 import DA2
from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.model import DepthModel, ModelSpec
from pano_models.registry import create, model_names, register
from pano_models.unifuse import UniFuse
from pano_models.weights.folder import load_folder as load
from pano_models.weights.folder import save

__all__ = [
    "DA2",
    "CheckpointError",
    "DepthModel",
    "ModelNotFoundError",
    "ModelSpec",
    "UniFuse",
    "create",
    "load",
    "model_names",
    "outputs",
    "register",
    "save",
]
