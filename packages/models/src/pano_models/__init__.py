"""Panoramic depth networks: DA2, DAP, UniFuse, BiFuse++, HoHoNet, EGFormer, teachers and checkpoints."""

from pano_models import outputs
from pano_models.bifuse_plus import BiFusePlus
from pano_models.da2 import DA2
from pano_models.dap import DAP
from pano_models.discriminator import PatchDiscriminator, normalize_distance
from pano_models.egformer import EGFormer
from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.fusion_baseline import FusionBaseline, ViewRig
from pano_models.heads.range_mask import RangeMasked, attach_range_mask
from pano_models.hohonet import HoHoNet
from pano_models.model import DepthModel, ModelSpec
from pano_models.registry import create, model_names, register
from pano_models.teachers import PerspectiveViT, Teacher, load_depth_anything, load_teacher
from pano_models.unifuse import UniFuse
from pano_models.weights import da2 as da2_weights
from pano_models.weights import dap as dap_weights
from pano_models.weights.adapters_students import register_students
from pano_models.weights.backbone import load_backbone
from pano_models.weights.folder import load, save
from pano_models.weights.official import (
    export_official,
    load_official,
    register_release,
    release_names,
)
from pano_models.weights.resnet import load_resnets

register_release("da2", da2_weights.RELEASE)
register_release("dap", dap_weights.RELEASE)
register_students()

__all__ = [
    "DA2",
    "DAP",
    "BiFusePlus",
    "CheckpointError",
    "DepthModel",
    "EGFormer",
    "FusionBaseline",
    "HoHoNet",
    "ModelNotFoundError",
    "ModelSpec",
    "PatchDiscriminator",
    "PerspectiveViT",
    "RangeMasked",
    "Teacher",
    "UniFuse",
    "ViewRig",
    "attach_range_mask",
    "create",
    "export_official",
    "load",
    "load_backbone",
    "load_depth_anything",
    "load_official",
    "load_resnets",
    "load_teacher",
    "model_names",
    "normalize_distance",
    "outputs",
    "register",
    "register_release",
    "release_names",
    "save",
]
