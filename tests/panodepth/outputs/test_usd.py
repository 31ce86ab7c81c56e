"""USD, read back by the library that owns the format."""

import sys
import zipfile

import numpy as np
import pytest
import torch

from panodepth.cli import main
from panodepth.outputs.usd import write_usdz
from panodepth.prediction import PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 64, 128


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
