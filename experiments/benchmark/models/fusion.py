"""`fusion:SOURCE[,...]`: a panoramic network of a perspective one, by named views and fusions."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

import pano_geometry as pg
import pano_models
from experiments.benchmark.models.folder_predictions import parse_options
from pano_losses.gram import icosahedron_rotations
from pano_models import ViewRig

FUSION = "fusion:"
OPTIONS = ("preset", "rig", "views", "fov", "view", "fusion", "predicts")
FUSIONS = {
    "poisson": "gradients",
    "least_squares": "affine",
    "scale": "scale",
    "average": "blend",
}
"""Names of the literature -> those of `pano_models.FusionBaseline`."""


@dataclass(frozen=True)
class FusionPreset:
    """What a fusion row is made of.

    Attributes:
        rig: One of `RIGS`.
        views: How many.
        fov: Field of view of each, degrees.
        view: Its side, pixels.
        fusion: One of `FUSIONS`.
    """

    rig: str
    views: int
    fov: int
    view: int
    fusion: str


PRESETS = {
    # 518 pixels: what Depth Anything was trained at
    "tangent": FusionPreset("tangent", 20, 80, 518, "least_squares"),
    "cube": FusionPreset("cube", 6, 100, 518, "least_squares"),
    # MoGe (arXiv 2410.19115), panorama script of its release: upright cameras at the vertices of an
    # icosahedron none of which is a pole, log depth merged by its gradients
    "moge": FusionPreset("moge", 12, 90, 512, "poisson"),
}


RIGS: Mapping[str, tuple[tuple[int, ...], Callable[[int], Tensor]]] = {
    "tangent": ((12, 20), pg.tangent_rotations),
    "cube": ((6,), lambda _: pg.face_rotations()),
    "moge": ((12,), lambda _: icosahedron_rotations().float()),
}
"""Rig -> numbers of views that it has, and their rotations."""


def build_fusion(model: str) -> nn.Module:
    """Build a panoramic network of a perspective one.

    MODEL is `fusion:SOURCE[,preset=...][,rig=...][,views=...][,fov=...][,view=...][,fusion=...]
    [,predicts=...]`; what is not stated is that of the preset, and the preset that of the rig.

    Raises:
        ValueError: Unknown option or value, or no perspective model at SOURCE.
    """
    source, options = parse_options(model.removeprefix(FUSION))
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown or not source:
        raise ValueError(
            f"got {model!r}, expected {FUSION}SOURCE with options {', '.join(OPTIONS)}"
        )
    rig = _choice(model, "rig", options.get("rig", "tangent"), RIGS)
    preset = PRESETS[_choice(model, "preset", options.get("preset", rig), PRESETS)]
    rig = options.get("rig", preset.rig)
    fusion = _choice(model, "fusion", options.get("fusion", preset.fusion), FUSIONS)
    counts, rotations = RIGS[rig]
    usual = preset.views if preset.views in counts else counts[-1]
    views = _choice(model, "views", options.get("views", str(usual)), [str(n) for n in counts])
    size = _whole(model, "view", options.get("view", str(preset.view)), range(14, 8193), "pixels")
    fov = _whole(model, "fov", options.get("fov", str(preset.fov)), range(10, 171), "degrees")
    camera = pg.Perspective.from_fov(size, size, math.radians(fov))
    predicts = {"predicts": options["predicts"]} if "predicts" in options else {}
    perspective = pano_models.load_teacher(source, **predicts)  # type: ignore[arg-type]
    placed = ViewRig(camera, rotations(int(views)))
    return pano_models.FusionBaseline(perspective, placed, FUSIONS[fusion])


def _choice(model: str, option: str, value: str, choices: Collection[str]) -> str:
    if value not in choices:
        raise ValueError(
            f"got {option}={value!r} in {model!r}, expected one of {', '.join(choices)}"
        )
    return value


def _whole(model: str, option: str, value: str, allowed: range, unit: str) -> int:
    if not value.isdigit() or int(value) not in allowed:
        raise ValueError(
            f"got {option}={value!r} in {model!r}, expected {unit}, at least {allowed[0]} and at "
            f"most {allowed[-1]}"
        )
    return int(value)
