import hashlib
from pathlib import Path

import torch
from torch import nn

from pano_models.storage.model_folder import digest_of_weights
from panodepth.exporting.description import describe, digest_of, sidecar_path
from panodepth.exporting.input_shape import InputShape


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
    shape = InputShape((8, 16))
    about = describe(nn.Conv2d(3, 1, 1), "m", "onnx", shape, ["disparity_affine"])
    assert "mean_inside" not in about["input"]
    assert about["input"]["shape"] == ["batch", 3, 8, 16]
    assert about["outputs"][0]["unit"] == "affine disparity"
    assert about["network"] == "Conv2d"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"abc")
    assert digest_of(path) == hashlib.sha256(b"abc").hexdigest()
    assert sidecar_path(path) == tmp_path / "net.onnx.json"


def test_the_digest_of_a_folder_is_that_of_its_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "weights.bin").write_bytes(b"abc")
    assert digest_of(tmp_path / "one") == digest_of(tmp_path / "two")
    (tmp_path / "other" / "below" / "weights.bin").rename(tmp_path / "other" / "weights.bin")
    assert digest_of(tmp_path / "other") != digest_of(tmp_path / "one")
