"""`fusion:` options reach the baseline; presets are the views of their authors."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import pano_geometry as pg
import pano_models
from experiments.benchmark.models.fusion import build_fusion

pytest.importorskip("transformers")

from tests.models.teachers.tiny_models import depth_anything


@pytest.fixture(scope="module")
def perspective(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Depth Anything of random weights, as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("depth_anything")
    depth_anything().save_pretrained(folder)
    return folder


def facts(built: Any) -> tuple[int, int, int, str]:
    """Views, their side, their field of view in degrees, and the fusion."""
    assert isinstance(built, pano_models.FusionBaseline)
    camera = built.rig.camera
    fov = 2 * math.degrees(math.atan(camera.width / 2 / camera.fx))
    return len(built.rig.rotations), camera.width, round(fov), built.fusion


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", (20, 518, 80, "affine")),
        (",rig=cube", (6, 518, 100, "affine")),
        (",rig=cube,fusion=scale,view=40", (6, 40, 100, "scale")),
        (",views=12,fov=90", (12, 518, 90, "affine")),
        (",fusion=average", (20, 518, 80, "blend")),
        (",preset=moge", (12, 512, 90, "gradients")),
        (",rig=moge", (12, 512, 90, "gradients")),
        (",preset=moge,rig=tangent", (12, 512, 90, "gradients")),
        (",preset=moge,rig=cube", (6, 512, 90, "gradients")),
        (",preset=moge,view=256,fusion=scale", (12, 256, 90, "scale")),
    ],
)
def test_options_go_over_the_preset(
    options: str, expected: tuple[int, int, int, str], perspective: Path
) -> None:
    assert facts(build_fusion(f"fusion:{perspective}{options}")) == expected


def test_views_of_moge_are_upright_and_no_view_looks_at_a_pole(perspective: Path) -> None:
    """MoGe: vertices (0, +-1, +-g) and their turns, z up, in a field of view of 90 degrees."""
    built: Any = build_fusion(f"fusion:{perspective},preset=moge")
    axes = built.rig.rotations[:, :, 2]
    elevations = torch.asin(-axes[:, 1]).rad2deg()
    expected = [-58.28, -58.28, -31.72, -31.72, 0, 0, 0, 0, 31.72, 31.72, 58.28, 58.28]
    assert elevations.sort().values.tolist() == pytest.approx(expected, abs=0.01)
    assert built.rig.rotations[:, 1, 0].abs().max() < 1e-6  # their x axes are level
    camera, sphere = built.rig.camera, pg.Equirectangular(32, 64).rays()
    seen = torch.zeros(32, 64, dtype=torch.bool)
    for rotation in built.rig.rotations:
        rays = sphere @ rotation  # panorama -> view
        x, y, z = rays.unbind(-1)
        reach = camera.width / 2 / camera.fx
        seen |= (z > 0) & (x.abs() < z * reach) & (y.abs() < z * reach)
    assert seen.all()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("fusion:", "expected fusion:SOURCE"),
        ("fusion:x,rig=sphere", "got rig='sphere'.*expected one of tangent, cube, moge"),
        ("fusion:x,preset=best", "got preset='best'.*expected one of tangent, cube, moge"),
        ("fusion:x,fusion=best", "got fusion='best'.*poisson, least_squares, scale, average"),
        ("fusion:x,views=7", "got views='7'.*expected one of 12, 20"),
        ("fusion:x,rig=moge,views=20", "got views='20'.*expected one of 12"),
        ("fusion:x,view=2", "expected pixels, at least 14"),
        ("fusion:x,fov=180", "expected degrees, at least 10 and at most 170"),
        ("fusion:x,size=2", "options preset, rig, views, fov, view, fusion, predicts"),
    ],
)
def test_what_cannot_be_built(model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_fusion(model)
