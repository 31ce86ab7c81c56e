import hashlib
from pathlib import Path

import torch
from torch import nn

from pano_models import Predictor
from panodepth.exporting.file_formats import (
    describe,
    digest_of_file,
    digest_of_weights,
    sidecar_path,
)


def test_the_digest_is_that_of_the_weights_alone(sphere_net: nn.Module) -> None:
    first = digest_of_weights(sphere_net)
    assert digest_of_weights(sphere_net.to(memory_format=torch.channels_last)) == first
    with torch.no_grad():
        sphere_net.convolution.bias[0] += 1e-3
    assert digest_of_weights(sphere_net) != first


def test_the_digest_tells_types_apart() -> None:
    zeros = nn.Linear(2, 2)
    with torch.no_grad():
        zeros.weight.zero_(), zeros.bias.zero_()
    assert digest_of_weights(zeros) != digest_of_weights(zeros.half())


def test_a_scalar_tensor_has_a_digest() -> None:
    assert len(digest_of_weights(nn.BatchNorm2d(3))) == 64  # num_batches_tracked has no axis


def test_a_network_without_normalisation_names_none() -> None:
    about = describe(
        Predictor(nn.Conv2d(3, 1, 1), (8, 16)), "m", "onnx", None, ["disparity_affine"]
    )
    assert "mean_inside" not in about["input"]
    assert about["input"]["shape"] == ["batch", 3, 8, 16]
    assert about["outputs"][0]["unit"] == "affine disparity"
    assert about["network"] == "Conv2d"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"abc")
    assert digest_of_file(path) == hashlib.sha256(b"abc").hexdigest()
    assert sidecar_path(path) == tmp_path / "net.onnx.json"
