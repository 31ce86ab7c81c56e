import json
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from panodepth.cli import main
from panodepth.outputs.meshes import (
    make_sphere_mesh,
    make_textured_mesh,
    srgb_to_linear,
    write_glb,
    write_unlit_glb,
    write_usdz,
)
from panodepth.prediction import PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 64, 128


def _welded(distance: np.ndarray, **options: float) -> trimesh.Trimesh:
    surface = make_sphere_mesh(distance, **options)
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def test_a_sphere_is_closed_at_seam_and_poles_with_the_right_area() -> None:
    mesh = _welded(np.full((64, 128), 2.0, np.float32))
    assert mesh.is_watertight
    assert mesh.area == pytest.approx(16 * np.pi, rel=5e-3)
    # seen from the camera counter-clockwise: the volume counts negative
    assert mesh.volume == pytest.approx(-32 / 3 * np.pi, rel=5e-3)


def test_a_room_is_closed_and_has_its_volume(box_map: Callable[[int, int], Tensor]) -> None:
    mesh = _welded(box_map(128, 256).numpy())
    assert mesh.is_watertight
    assert -mesh.volume == pytest.approx(6 * 2.8 * 5, rel=0.01)


def test_edges_are_cut_and_can_be_kept() -> None:
    distance = np.full((64, 128), 2.0, np.float32)
    distance[:, 40:80] = 6.0
    cut = make_sphere_mesh(distance)
    reach = np.linalg.norm(cut.vertices[cut.faces], axis=-1)
    assert (reach.max(1) / reach.min(1)).max() < 1.01
    assert len(make_sphere_mesh(distance, edge_ratio=np.inf).faces) - len(cut.faces) > 4 * 62


def test_no_triangle_touches_a_masked_or_far_pixel() -> None:
    distance = np.full((64, 128), 2.0, np.float32)
    distance[:20] = 0
    surface = make_sphere_mesh(distance)
    used = surface.vertices[np.unique(surface.faces)]
    assert np.linalg.norm(used, axis=1).min() == pytest.approx(2, rel=1e-5)
    latitude = np.arcsin(used[:, 1] / 2)
    assert latitude.max() < (0.5 - 20 / 64) * np.pi


def test_texture_coordinates_point_at_the_pixel_of_the_vertex() -> None:
    surface = make_sphere_mesh(np.full((32, 64), 2.0, np.float32))
    x, y, z = surface.vertices[:-2].T
    u = 0.5 + np.arctan2(x, -z) / (2 * np.pi)
    v = 0.5 + np.arcsin(np.clip(y / 2, -1, 1)) / np.pi
    np.testing.assert_allclose(np.sin(2 * np.pi * (u - surface.uv[:-2, 0])), 0, atol=1e-5)
    np.testing.assert_allclose(v, surface.uv[:-2, 1], atol=1e-3)


def test_glb_opens_with_its_texture(box_map: Callable[[int, int], Tensor], tmp_path: Path) -> None:
    values = box_map(64, 128).numpy()
    rgb = np.full((64, 128, 3), 90, np.uint8)
    rgb[:32] = (200, 40, 40)
    everything = np.ones(values.shape, bool)
    write_glb(
        tmp_path / "a.glb", rgb, PredictedMap("distance_metric", values, everything, ~everything)
    )
    mesh = trimesh.load(tmp_path / "a.glb", force="mesh")
    assert mesh.bounds == pytest.approx(np.array([[-3, -1.5, -2.5], [3, 1.3, 2.5]]), abs=0.02)
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    assert np.abs(texture[10, 60] - [200.0, 40, 40]).max() < 12
    uv = mesh.visual.uv[np.argmax(mesh.vertices[:, 1])]
    assert uv[1] > 0.7  # the ceiling takes its colour from the top of the picture


def _tree(path: Path) -> dict[str, Any]:
    """The JSON part of a GLB."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    tree: dict[str, Any] = json.loads(data[20 : 20 + length])
    return tree


def test_materials_are_unlit_and_declared(tmp_path: Path) -> None:
    uv = np.array([[0, 0], [1, 0], [0, 1]], float)
    picture = np.full((8, 16, 3), (200, 40, 40), np.uint8)
    mesh = make_textured_mesh(np.eye(3), np.array([[0, 1, 2]]), uv, picture)
    write_unlit_glb(tmp_path / "a.glb", mesh)
    tree = _tree(tmp_path / "a.glb")
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    assert [m["extensions"] for m in tree["materials"]] == [{"KHR_materials_unlit": {}}]
    assert tree["images"][0]["mimeType"] == "image/jpeg"
    loaded: Any = trimesh.load(tmp_path / "a.glb", force="mesh")
    texture = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB"))
    assert np.abs(texture.astype(int) - (200, 40, 40)).max() < 4


def test_colours_of_vertices_are_linear_light() -> None:
    """Values of the sRGB curve: IEC 61966-2-1."""
    srgb = np.array([[0, 128, 255], [10, 64, 188]], np.uint8)
    np.testing.assert_array_equal(srgb_to_linear(srgb), [[0, 55, 255], [1, 13, 128]])


def room() -> PredictedMap:
    values = box_distance(HEIGHT, WIDTH).to(torch.float32).numpy()
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    return PredictedMap("distance_metric", values, ~nothing, nothing)


def test_stage_holds_the_room_in_metres_with_its_picture(tmp_path):
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdShade, UsdValidation

    rgb = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    write_usdz(tmp_path / "a.usdz", rgb, room())
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    root = stage.GetDefaultPrim()
    assert root.GetCustomDataByKey("unit") == "m"
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/Panorama/Surface"))
    points = np.array(mesh.GetPointsAttr().Get())
    off = np.min(
        [
            np.abs(np.abs(points[:, 0]) - 3),
            np.abs(np.where(points[:, 1] < 0, points[:, 1] + 1.5, points[:, 1] - 1.3)),
            np.abs(np.abs(points[:, 2]) - 2.5),
        ],
        axis=0,
    )
    assert off.max() < 1e-3  # the poles are medians of their rows
    np.testing.assert_allclose(mesh.GetExtentAttr().Get(), [points.min(0), points.max(0)])
    indices = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
    assert indices.min() == 0
    assert indices.max() == len(points) - 1
    a, b, c = (points[indices[:, i]] for i in range(3))
    towards = (np.cross(b - a, c - a) * a).sum(1)
    assert (towards[np.abs(towards) > 1e-9] < 0).all()  # counter-clockwise, seen from inside
    uv = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").Get())
    assert uv.shape == (len(points), 2)
    ahead = np.argmin(points[:, 0] ** 2 + points[:, 1] ** 2 + points[:, 2])
    np.testing.assert_allclose(uv[ahead], (0.5, 0.5), atol=0.01)
    material, _ = UsdShade.MaterialBindingAPI(mesh.GetPrim()).ComputeBoundMaterial()
    assert material.GetPrim().GetPath() == "/Panorama/Material"
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [error.GetMessage() for error in errors] == []
    with zipfile.ZipFile(tmp_path / "a.usdz") as package:
        assert {name.rpartition("/")[2] for name in package.namelist()} == {
            "mesh.usdc",
            "panorama.jpg",
        }


def test_without_the_library_the_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(ImportError, match=r"panodepth\[usd\]"):
        write_usdz(tmp_path / "a.usdz", np.zeros((HEIGHT, WIDTH, 3), np.uint8), room())
    monkeypatch.setattr("panodepth.inference.command.find_spec", lambda name: None)
    assert main(["predict", str(tmp_path), "--save", "usd"]) == 2
    assert "pip install 'panodepth[usd]'" in capsys.readouterr().err
