import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pano_models as pm
import panodepth
from panodepth import CommandError
from panodepth.exporting.agreement import random_panoramas, relative_difference
from panodepth.exporting.file_formats import FILE_FORMATS


def maps_of(network: nn.Module, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.inference_mode():
        return network(rgb)


def test_torch_export_runs_without_the_network(sphere_net: nn.Module, tmp_path: Path) -> None:
    exported = panodepth.export(sphere_net, tmp_path / "net.pt2", "torch_export")
    loaded = torch.export.load(exported.path).module()
    for batch in (1, 2, 5):
        rgb = random_panoramas(batch, (32, 64))
        for key, values in maps_of(sphere_net, rgb).items():
            torch.testing.assert_close(loaded(rgb)[key], values, rtol=1e-6, atol=0)
    assert exported.shape.size == (32, 64)
    assert exported.difference is not None
    assert exported.difference <= 1e-6
    assert exported.cost is not None
    assert exported.cost > 0


def test_onnx_runs_without_torch(sphere_net: nn.Module, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    exported = panodepth.export(sphere_net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(str(exported.path))
    names = [output.name for output in session.get_outputs()]
    assert names == ["distance_metric", "far_probability"]
    for batch in (1, 3):
        rgb = random_panoramas(batch, (32, 64))
        found = dict(zip(names, session.run(names, {"rgb": rgb.numpy()}), strict=True))
        for key, values in maps_of(sphere_net, rgb).items():
            np.testing.assert_allclose(found[key], values.numpy(), rtol=1e-4)
    # Turned by two columns, one stride, the output turns: seam and poles are in the file.
    rgb = random_panoramas(1, (32, 64)).numpy()
    level, turned = (session.run(names, {"rgb": x})[0] for x in (rgb, np.roll(rgb, 2, -1)))
    np.testing.assert_allclose(np.roll(level, 2, -1), turned, rtol=1e-5)
    inside = json.loads(session.get_modelmeta().custom_metadata_map["panodepth"])
    beside = json.loads(exported.sidecar.read_text())
    assert inside.items() <= beside.items()


def test_a_network_of_ours_with_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = pm.create("pano_small", widths=[4, 4, 8, 8, 8]).eval()
    pm.save(network, tmp_path / "model", native_size=(64, 128))
    out = tmp_path / "net.pt2"
    exported = panodepth.export(tmp_path / "model", out, "torch_export", batch=1)
    loaded = torch.export.load(out).module()
    rgb = random_panoramas(1, (64, 128))
    found, turned = (loaded(x)["distance_scale_invariant"] for x in (rgb, rgb.roll(32, -1)))
    assert torch.equal(found, maps_of(network, rgb)["distance_scale_invariant"])
    assert torch.equal(found.roll(32, -1), turned)
    assert json.loads(exported.sidecar.read_text())["network"] == "pano_small"


def test_the_sidecar_says_what_a_user_needs(sphere_net: nn.Module, tmp_path: Path) -> None:
    out = tmp_path / "below" / "net.pt2"
    exported = panodepth.export(sphere_net, out, "torch_export", height=48, batch=2)
    about = json.loads(exported.sidecar.read_text())
    assert exported.sidecar == tmp_path / "below" / "net.pt2.json"
    assert about["input"]["shape"] == [2, 3, 48, 96]
    assert about["input"]["mean_inside"] == [0.485, 0.456, 0.406]
    assert about["input"]["std_inside"] == [0.229, 0.224, 0.225]
    assert about["outputs"][0] == {
        "name": "distance_metric",
        "shape": [2, 1, 48, 96],
        "unit": "m",
    }
    assert about["file_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert about["difference"] == exported.difference


@pytest.mark.parametrize(
    "file_format", ["torch_export", pytest.param("onnx", marks=pytest.mark.slow)]
)  # ONNX: two minutes
def test_pano_small_takes_any_multiple_of_its_stride(file_format: str, tmp_path: Path) -> None:
    if file_format == "onnx":
        pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = pm.create("pano_small", widths=[4, 4, 8, 8, 8]).eval()
    network.native_size = (128, 256)
    out = tmp_path / "net"
    exported = panodepth.export(network, out, file_format, height="dynamic")
    about = json.loads(exported.sidecar.read_text())
    assert about["input"]["shape"] == ["batch", 3, "height", "width"]
    assert about["input"]["height_multiple_of"] == 32
    assert len(about["differences"]) == 4  # two numbers of panoramas, and two other sizes
    run = FILE_FORMATS[file_format].open(out)
    for size in ((96, 192), (128, 256), (224, 448)):
        rgb = random_panoramas(2, size)
        assert relative_difference(run(rgb), maps_of(network, rgb)) < 1e-5
        rolled = run(rgb.roll(32, -1))["distance_scale_invariant"]
        assert torch.allclose(run(rgb)["distance_scale_invariant"].roll(32, -1), rolled, rtol=1e-5)
    with pytest.raises(
        Exception, match=r"32|[Bb]roadcast|shape|size|dimension"
    ):  # no multiple: never a map
        run(random_panoramas(1, (80, 160)))


def test_a_file_that_differs_is_not_written(differs_when_traced: nn.Module, tmp_path: Path) -> None:
    out = tmp_path / "net.pt2"
    out.write_text("older")
    with pytest.raises(CommandError, match=r"differs from the network by 0\.001 .*nothing was"):
        panodepth.export(differs_when_traced, out, "torch_export")
    assert out.read_text() == "older"
    assert list(tmp_path.iterdir()) == [out]


def test_a_network_that_cannot_be_traced(branches_on_values: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        panodepth.export(branches_on_values, tmp_path / "net.pt2", "torch_export", batch=1)
    assert "BranchesOnValues cannot be traced by torch.export" in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(
    sphere_net: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panodepth.exporting.file_formats.find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"onnxruntime.*pip install 'panodepth\[onnx\]'"):
        panodepth.export(sphere_net, tmp_path / "net.onnx", "onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file_format": "tflite"}, "expected one of onnx, torch_export, coreml"),
        ({"file_format": "torch_export", "height": "dynamic"}, "SphereNet, whose graph holds for"),
        ({"file_format": "coreml"}, r"expected one that ends with \.mlpackage"),
        ({"file_format": "torch_export", "batch": 0}, "expected dynamic or a number"),
        ({"file_format": "torch_export", "batch": "many"}, "expected dynamic or a number"),
    ],
)
def test_bad_usage(
    sphere_net: nn.Module, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        panodepth.export(sphere_net, tmp_path / "net", **options)


def test_a_file_that_is_a_folder_is_told_before_the_network_is_traced(
    branches_on_values: nn.Module, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="is a folder, expected the name of a file"):
        panodepth.export(branches_on_values, tmp_path, "torch_export", batch=1)


def test_a_folder_that_is_a_file(sphere_net: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        panodepth.export(sphere_net, tmp_path / "file" / "net.pt2", "torch_export", batch=1)
