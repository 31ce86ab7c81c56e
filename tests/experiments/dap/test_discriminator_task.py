"""Fakes of several labelers, the gate, and what is published."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pano_models
from experiments.dap.discriminator_task import DiscriminatorTask
from experiments.dap.judge_folder import load_discriminator
from experiments.training.divergence import GateError
from pano_losses import DiscriminatorLoss, WeightedSum
from pano_models import PatchDiscriminator

SIZE = (32, 64)


class Says(nn.Module):
    """A labeler that finds everything at one distance."""

    def __init__(self, metres: float) -> None:
        super().__init__()
        self.metres = metres

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"distance_metric": torch.full_like(image[:, :1], self.metres)}


@pytest.fixture
def labeler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with two earlier states; loading tells which it was."""
    for step in (20, 40):
        (tmp_path / f"labeler/snapshots/{step:06d}").mkdir(parents=True)
    numbers = {"labeler": 1.0, "000020": 20.0, "000040": 40.0}
    monkeypatch.setattr(pano_models, "load", lambda folder: Says(numbers[Path(folder).name]))
    return str(tmp_path / "labeler")


def task(labeler: str, **options: Any) -> DiscriminatorTask:
    return DiscriminatorTask(
        labeler=labeler,
        net=PatchDiscriminator(width=4, layers=2, scale="log"),
        loss=WeightedSum({"judge": DiscriminatorLoss()}),
        optimizer=torch.optim.Adam,
        **options,
    )


def test_every_state_of_the_labeler_takes_its_turn(labeler: str) -> None:
    judge, image = task(labeler), torch.rand(5, 3, *SIZE)
    first, _ = judge._fakes(image, 0)
    assert first.amax((1, 2, 3)).tolist() == [1.0, 20.0, 40.0, 1.0, 20.0]
    second, _ = judge._fakes(image, 1)
    assert second.amax((1, 2, 3)).tolist() == [20.0, 40.0, 1.0, 20.0, 40.0]


def test_only_the_judge_is_trained(labeler: str) -> None:
    judge = task(labeler)
    distance = 1 + 9 * torch.rand(3, 1, *SIZE)
    batch = {
        "image": torch.rand(3, 3, *SIZE), "distance": distance,
        "valid": torch.ones_like(distance).bool(), "far": torch.zeros_like(distance).bool(),
    }  # fmt: skip
    optimizer = torch.optim.Adam(judge.net.parameters(), 1e-3)
    values = []
    for _ in range(12):
        optimizer.zero_grad()
        total, _ = judge.losses(batch)
        total.backward()
        optimizer.step()
        values.append(total.item())
    assert values[-1] < 0.6 * values[0]  # noise is told from a constant
    assert all(p.grad is not None for p in judge.net.parameters())


def test_a_tolerance_grades_the_fakes_by_their_error(labeler: str) -> None:
    """Against a truth of one distance the labelers' constant maps are perfect at any scale."""
    recorded: dict[str, Tensor] = {}

    class Recorded(nn.Module):
        def forward(self, **scores: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            recorded.update(scores)
            return scores["fake_score"].sum(), {}

    judge = task(labeler, tolerance=0.3)
    judge.loss = Recorded()
    flat = torch.full((3, 1, *SIZE), 5.0)
    flat[0, ..., : SIZE[1] // 4] = 10.0  # here they are wrong on the left
    batch = {
        "image": torch.rand(3, 3, *SIZE), "distance": flat,
        "valid": torch.ones_like(flat).bool(), "far": torch.zeros_like(flat).bool(),
    }  # fmt: skip
    judge.losses(batch)
    quality = recorded["fake_quality"]
    assert quality.shape == recorded["fake_score"].shape
    torch.testing.assert_close(quality[1:], torch.ones_like(quality[1:]))
    assert quality[0, ..., 0].max() < 0.2
    assert quality[0, ..., -1].min() > 0.99
    judge.tolerance = None
    recorded.clear()
    judge.losses(batch)
    assert "fake_quality" not in recorded


@pytest.mark.parametrize(
    ("ranks", "passes"),
    [
        ({"rooms": -0.5, "streets": -0.31}, True),
        ({"rooms": -0.5, "streets": -0.29}, False),
        ({"rooms": -0.5, "streets": float("nan")}, False),
        ({}, False),
    ],
    ids=["good", "one set is above", "one set has no rank", "never asked"],
)
def test_a_judge_of_the_wrong_sign_is_not_published(
    labeler: str, ranks: dict[str, float], passes: bool, tmp_path: Path
) -> None:
    judge = task(labeler, highest_rank=-0.3)
    judge.ranks = ranks
    judge.hparams["net"] = {"init_args": {"width": 4, "layers": 2, "scale": "log"}}
    out = tmp_path / "out"
    if not passes:
        with pytest.raises(GateError, match=r"expected at most -0\.30 on each"):
            judge.publish(out, SIZE)
        assert not out.exists()
        return
    judge.publish(out, SIZE)
    again = load_discriminator(str(out))
    maps = torch.rand(2, 4, *SIZE)
    assert torch.equal(again.score(maps), judge.net.eval().score(maps))
    assert again.scale == "log"
