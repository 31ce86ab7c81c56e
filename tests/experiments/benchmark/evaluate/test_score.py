"""Scores agree with pano_losses, image by image, and do not depend on interruptions."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

import pano_losses
import pano_models
from experiments.benchmark.evaluate import score as score_module
from experiments.benchmark.evaluate.score import NotScoreableError, ScoringSettings, score
from experiments.benchmark.models.resolve import ScoredNetwork
from pano_data.reader import ManifestDataset
from tests.experiments.benchmark.conftest import ROOMS, SIZE, Guess

PROTOCOLS = ("da2_paper", "da2_released", "metric", "solid_angle_median")
SETTINGS = ScoringSettings(PROTOCOLS, SIZE, batch_size=3)


def test_agrees_with_pano_losses(rooms: ManifestDataset, tmp_path: Path) -> None:
    scores = score(Guess(), rooms, SETTINGS, tmp_path)
    batch = default_collate([rooms[i] for i in range(ROOMS)])
    prediction = Guess().predict(batch, "cpu")
    observed = (batch["image"] > 0).any(1, keepdim=True)
    assert not observed.all()  # the caps of the camera are black
    assert list(scores.metrics) == ["da2_paper", "da2_released", "solid_angle_median"]
    for protocol, metrics in scores.metrics.items():
        expected = pano_losses.evaluate(
            prediction, batch["distance"], batch["valid"], protocol,
            far=batch["far"], observed=observed, dataset="stanford2d3d",
        )  # fmt: skip
        assert metrics == {
            **{k: pytest.approx(v, abs=6e-7) for k, v in expected.items()},
            "images_scored": ROOMS,
            "images_skipped": 0,
        }
    rows = scores.table[scores.table.protocol == "da2_paper"]
    assert rows.key.tolist() == [row.key for row in rooms.manifest]
    assert rows.absrel.mean() == pytest.approx(scores.metrics["da2_paper"]["absrel"], abs=6e-7)
    assert (rows.pixels == batch["valid"].flatten(1).sum(1).numpy()).all()


def test_the_code_of_the_network_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a run that was killed is resumed with scores of the network as it was before an edit."""
    seen: list[set[str]] = []

    def digest(*modules: str) -> str:
        seen.append(set(modules))
        return "code"

    monkeypatch.setattr(score_module, "code_digest", digest)
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.25)
    SETTINGS.key(ScoredNetwork(network, "unifuse"), "manifest", "rooms")
    SETTINGS.key(Guess(), "manifest", "rooms")
    of_network, of_guess = seen
    assert score_module.__name__ in of_guess
    assert "pano_models.students.unifuse.unifuse" in of_network - of_guess


def test_goes_on_where_it_stopped(rooms: ManifestDataset, tmp_path: Path) -> None:
    whole = score(Guess(), rooms, SETTINGS, tmp_path / "whole")
    killed = Guess(fail_after=3)
    with pytest.raises(KeyboardInterrupt):
        score(killed, rooms, SETTINGS, tmp_path / "killed")
    resumed = Guess()
    again = score(resumed, rooms, SETTINGS, tmp_path / "killed")
    assert sorted(killed.asked + resumed.asked) == sorted(row.key for row in rooms.manifest)
    assert again.metrics == whole.metrics
    assert again.curves == whole.curves
    assert again.table.equals(whole.table)


@pytest.mark.parametrize("change", ["identity", "batch", "protocols"])
def test_another_run_does_not_read_the_journal(
    change: str, rooms: ManifestDataset, tmp_path: Path
) -> None:
    score(Guess(), rooms, SETTINGS, tmp_path)
    guess, settings = Guess(), SETTINGS
    if change == "identity":
        guess.identity = "2"
    if change == "batch":
        settings = ScoringSettings(PROTOCOLS, SIZE, batch_size=2)
    if change == "protocols":
        settings = ScoringSettings(PROTOCOLS[:1], SIZE, batch_size=3)
    score(guess, rooms, settings, tmp_path)
    assert len(guess.asked) == ROOMS


def test_a_kind_that_nothing_scores(rooms: ManifestDataset, tmp_path: Path) -> None:
    settings = ScoringSettings(("metric",), SIZE)
    with pytest.raises(NotScoreableError, match="'metric' scores distance_metric, the model gives"):
        score(Guess(), rooms, settings, tmp_path)


def test_nan_is_not_hidden(rooms: ManifestDataset, tmp_path: Path) -> None:
    class Nan(Guess):
        def predict(self, batch, device):  # type: ignore[no-untyped-def]
            maps = super().predict(batch, device)
            return {k: torch.full_like(v, torch.nan) for k, v in maps.items()}

    with pytest.raises(ValueError, match="NaN or infinite"):
        score(Nan(), rooms, ScoringSettings(("da2_paper",), SIZE), tmp_path)
