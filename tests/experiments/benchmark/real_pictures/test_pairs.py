import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from experiments.benchmark.real_pictures.command import main
from experiments.benchmark.real_pictures.pairs import (
    DepthPair,
    predict_disparity,
    read_pairs,
    score_pair,
)


def slope(height: int = 24, width: int = 32) -> Tensor:
    """Depth of a plane in space: its inverse is affine in column and row."""
    v, u = torch.meshgrid(
        torch.arange(height, dtype=torch.float64),
        torch.arange(width, dtype=torch.float64),
        indexing="ij",
    )
    return (1 / (0.2 + 0.01 * u + 0.005 * v))[None, None]


def as_pair(depth: Tensor) -> DepthPair:
    return DepthPair("a", torch.zeros(1, 3, *depth.shape[-2:]), depth)


def test_scale_and_shift_of_disparity_are_forgiven() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 4 * torch.rand(1, 1, 24, 32, generator=generator, dtype=torch.float64)
    scores = score_pair(5 / depth - 2, as_pair(depth))
    assert scores.network == pytest.approx(0, abs=1e-9)
    assert scores.constant > 0.2
    assert scores.plane > 0.2  # noise is no plane


def test_a_plane_in_space_is_the_planes_own() -> None:
    scores = score_pair(torch.ones(1, 1, 24, 32), as_pair(slope()))
    assert scores.plane == pytest.approx(0, abs=1e-9)
    assert scores.network == pytest.approx(scores.constant)


def test_the_constant_is_the_mean_of_inverse_depth() -> None:
    depth = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    depth[..., 2:] = 2.0  # inverse depths 1 and 1/2, mean 3/4: errors 1/3 and 1/3
    scores = score_pair(torch.rand(1, 1, 4, 4), as_pair(depth))
    assert scores.constant == pytest.approx(1 / 3)


def test_pixels_without_depth_are_never_read() -> None:
    depth = slope()
    depth[..., 5:9, :] = 0
    disparity = torch.where(depth > 0, 1 / depth, 1e6)
    scores = score_pair(disparity, as_pair(depth))
    assert scores.network == pytest.approx(0, abs=1e-9)
    assert scores.plane == pytest.approx(0, abs=1e-9)


def test_a_picture_is_run_at_its_aspect_and_brought_back() -> None:
    seen = []

    def network(rgb: Tensor) -> dict[str, Tensor]:
        seen.append(tuple(rgb.shape[-2:]))
        return {"disparity_affine": rgb[:, :1]}

    ramp = torch.linspace(0, 1, 96).expand(1, 3, 48, 96)
    out = predict_disparity(network, ramp, 64)
    assert seen == [(64, 128)]
    torch.testing.assert_close(out, ramp[:, :1], rtol=0, atol=0.01)  # no wrap at the sides


def write_pair(folder: Path, name: str, size: tuple[int, int] = (24, 32)) -> None:
    stored = np.rint(slope(*size)[0, 0].numpy() * 1000).astype(np.uint16)
    Image.fromarray(stored).save(folder / f"{name}_depth.png")
    Image.fromarray(np.full((24, 32, 3), 51, np.uint8)).save(folder / f"{name}_rgb.png")
    (folder / f"{name}_sample.json").write_text(json.dumps({"depth_scale": 1000}))


def test_pairs_are_read_in_metres(tmp_path: Path) -> None:
    write_pair(tmp_path, "b")
    write_pair(tmp_path, "a")
    pairs = read_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["a", "b"]
    torch.testing.assert_close(pairs[0].depth, slope().float(), rtol=0, atol=6e-4)
    assert pairs[0].rgb.unique().tolist() == pytest.approx([0.2])


def test_the_network_of_the_box_is_scored_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(tmp_path, "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 96x128 is not the 96x96 of its training
        assert main(["--pairs", str(tmp_path), "--model", "worlds_view"]) == 0
    assert "| constant | 0.203 |" in capsys.readouterr().out


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"NAME_sample\.json"):
        read_pairs(tmp_path)
    write_pair(tmp_path, "a", (12, 16))
    with pytest.raises(ValueError, match=r"depth \(12, 16\), expected \(24, 32\)"):
        read_pairs(tmp_path)
    (tmp_path / "a_rgb.png").unlink()
    with pytest.raises(ValueError, match=r"no a_rgb"):
        read_pairs(tmp_path)
