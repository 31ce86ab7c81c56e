"""Scores by data set and protocol are those of `pano_losses.evaluate`, and are taken once."""

import pytest
import torch

import pano_losses as pl
from experiments.training.validation_scores import ValidationScores

PROTOCOLS = ("da2_paper", "solid_angle_median")


def batch(seed: int, count: int) -> dict[str, object]:
    maps = torch.rand(count, 1, 8, 16, generator=torch.Generator().manual_seed(seed)) + 0.5
    far = torch.zeros_like(maps, dtype=torch.bool)
    keys = [f"{seed}-{i}" for i in range(count)]
    return {"distance": maps, "valid": ~far, "far": far, "key": keys}


def guess(of: dict[str, object]) -> dict[str, torch.Tensor]:
    return {"distance_scale_invariant": torch.as_tensor(of["distance"]).roll(1, -1)}


def test_each_data_set_has_its_own_sums() -> None:
    scores, parts = (
        ValidationScores(["one", "two"], PROTOCOLS),
        [batch(0, 3), batch(1, 2), batch(2, 4)],
    )
    for loader, part in zip((0, 0, 1), parts, strict=True):
        scores.update(loader, guess(part), part)
    taken = scores.compute_and_reset()
    whole = {k: torch.cat([parts[0][k], parts[1][k]]) for k in ("distance", "valid")}  # type: ignore[list-item]
    for name, truth in (("one", whole), ("two", parts[2])):
        for protocol in PROTOCOLS:
            expected = pl.evaluate(
                guess(truth),
                truth["distance"],  # type: ignore[arg-type]
                truth["valid"],  # type: ignore[arg-type]
                protocol=protocol,
            )
            for metric, value in expected.items():
                assert taken[f"{name}/{protocol}/{metric}"] == pytest.approx(value)
    assert taken["one/da2_paper/images_scored"] == 5


def test_what_was_taken_is_gone() -> None:
    scores, part = ValidationScores(["one"], PROTOCOLS[:1]), batch(0, 3)
    scores.update(0, guess(part), part)
    first = scores.compute_and_reset()
    scores.update(0, guess(part), part)
    assert scores.compute_and_reset() == first
