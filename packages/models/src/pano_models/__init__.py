"""Panoramic depth networks: DA², DAP, UniFuse, BiFuse++, HoHoNet, EGFormer, and their weights.

Networks and teachers are imported when they are first asked for, whether as `pano_models.DA2` or by
`create("da2")`: `import pano_models` costs torch, and the code of one network depends on no
other's.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pano_models import outputs
from pano_models.errors import CheckpointError, ModelNotFoundError, PredictionError
from pano_models.loading import load, save
from pano_models.model import DepthModel, ModelSpec, create
from pano_models.outputs import (
    DISPARITY_AFFINE,
    DISTANCE_METRIC,
    DISTANCE_SCALE_INVARIANT,
    FAR_PROBABILITY,
    Maps,
    fill_far,
    geometry_key,
)
from pano_models.predictor import (
    DepthMaps,
    Predictor,
    is_out_of_memory,
    usable_device,
    working_size,
)
from pano_models.registry import NETWORKS, model_names, name_of, register
from pano_models.storage.files import read_state
from pano_models.storage.state_dict import LoadReport, fill
from pano_models.weights.official import (
    export_official,
    load_official,
    register_release,
    release_names,
)

if TYPE_CHECKING:
    from pano_models.backbones.shipped_weights import load_encoders, read_package
    from pano_models.da2 import DA2
    from pano_models.dap import DAP
    from pano_models.discriminator import (
        EncoderDiscriminator,
        PatchDiscriminator,
        normalize_distance,
    )
    from pano_models.fusion_baseline import FusionBaseline, ViewRig
    from pano_models.heads.range_mask import RangeMasked, attach_range_mask
    from pano_models.pano_small import PanoSmall
    from pano_models.students.bifuse_plus import BiFusePlus
    from pano_models.students.egformer.egformer import EGFormer
    from pano_models.students.hohonet import HoHoNet
    from pano_models.students.unifuse.unifuse import UniFuse
    from pano_models.teachers.depth_anything import load_depth_anything
    from pano_models.teachers.hub import load_teacher
    from pano_models.teachers.perspective_unet import PerspectiveUNet
    from pano_models.teachers.perspective_vit import PerspectiveViT
    from pano_models.teachers.teacher import Teacher
    from pano_models.weights.backbone import load_backbone
    from pano_models.weights.catalogue import ModelEntry, list_models
    from pano_models.weights.download import fetch_weights
else:
    _LAZY = {
        "EncoderDiscriminator": "pano_models.discriminator",
        "ModelEntry": "pano_models.weights.catalogue",
        "PatchDiscriminator": "pano_models.discriminator",
        "Teacher": "pano_models.teachers.teacher",
        "ViewRig": "pano_models.fusion_baseline",
        "attach_range_mask": "pano_models.heads.range_mask",
        "fetch_weights": "pano_models.weights.download",
        "list_models": "pano_models.weights.catalogue",
        "load_backbone": "pano_models.weights.backbone",
        "load_depth_anything": "pano_models.teachers.depth_anything",
        "load_encoders": "pano_models.backbones.shipped_weights",
        "load_teacher": "pano_models.teachers.hub",
        "read_package": "pano_models.backbones.shipped_weights",
        "normalize_distance": "pano_models.discriminator",
    }
    for _entry in NETWORKS.values():
        _module, _, _class = _entry.partition(":")
        _LAZY[_class] = _module

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "DA2",
    "DAP",
    "DISPARITY_AFFINE",
    "DISTANCE_METRIC",
    "DISTANCE_SCALE_INVARIANT",
    "FAR_PROBABILITY",
    "BiFusePlus",
    "CheckpointError",
    "DepthMaps",
    "DepthModel",
    "EGFormer",
    "EncoderDiscriminator",
    "FusionBaseline",
    "HoHoNet",
    "LoadReport",
    "Maps",
    "ModelEntry",
    "ModelNotFoundError",
    "ModelSpec",
    "PanoSmall",
    "PatchDiscriminator",
    "PerspectiveUNet",
    "PerspectiveViT",
    "PredictionError",
    "Predictor",
    "RangeMasked",
    "Teacher",
    "UniFuse",
    "ViewRig",
    "attach_range_mask",
    "create",
    "export_official",
    "fetch_weights",
    "fill",
    "fill_far",
    "geometry_key",
    "is_out_of_memory",
    "list_models",
    "load",
    "load_backbone",
    "load_depth_anything",
    "load_encoders",
    "load_official",
    "load_teacher",
    "model_names",
    "name_of",
    "normalize_distance",
    "outputs",
    "read_package",
    "read_state",
    "register",
    "register_release",
    "release_names",
    "save",
    "usable_device",
    "working_size",
]
