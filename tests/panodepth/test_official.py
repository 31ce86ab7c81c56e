"""`panodepth predict --model official:NAME=FILE`.

A file with the published names, from the command line to the map.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pano_models as pm
from panodepth.cli import main

HEIGHT, WIDTH = 512, 1024  # the size a published network runs at


@pytest.fixture
def panorama(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path = tmp_path / "panorama.png"
    Image.fromarray(pixels).save(path)
    return path


def _checkpoint(path: Path) -> Path:
    """What the authors' training saves: published names below `module.`, beside plain settings."""
    torch.manual_seed(0)
    state = pm.export_official(pm.create("unifuse"))
    torch.save(
        {**{f"module.{k}": v for k, v in state.items()}, "height": HEIGHT, "width": WIDTH}, path
    )
    return path


def test_published_file_to_map(panorama: Path, tmp_path: Path) -> None:
    name = f"official:unifuse={_checkpoint(tmp_path / 'model.pth')}"
    out = tmp_path / "out"
    assert (
        main(["predict", str(panorama), "--model", name, "--out", str(out), "--save", "npy"]) == 0
    )
    rgb = torch.from_numpy(np.array(Image.open(panorama))).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = pm.load(name).eval()(rgb)["distance_metric"][0, 0].numpy()
    found = np.load(out / "panorama_distance.npy")
    assert found.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("length", [1000, 0])
def test_a_damaged_file_is_named(
    panorama: Path, tmp_path: Path, length: int, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = _checkpoint(tmp_path / "whole.pth").read_bytes()
    (tmp_path / "model.pth").write_bytes(whole[:length])
    name = f"official:unifuse={tmp_path / 'model.pth'}"
    out = tmp_path / "out"
    assert main(["predict", str(panorama), "--model", name, "--out", str(out)]) == 2
    assert "model.pth" in capsys.readouterr().err
    assert not list(out.glob("*"))


def test_a_file_of_another_network_is_refused(
    panorama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _checkpoint(tmp_path / "model.pth")
    out = tmp_path / "out"
    assert (
        main(["predict", str(panorama), "--model", f"official:hohonet={file}", "--out", str(out)])
        == 2
    )
    assert "hohonet" in capsys.readouterr().err.lower()
