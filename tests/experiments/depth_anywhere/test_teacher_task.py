"""The teacher's training: what reaches the loss, and what validation says of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pano_models
from experiments.depth_anywhere.teacher_task import TeacherTask
from experiments.depth_anywhere.views import CubeViews, LabelledViews, seeded
from tests.experiments.depth_anywhere.test_view_scores import room

FACE = 16


class Grey(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"disparity_affine": image[:, :1] * self.scale}


class Recorded(nn.Module):
    def forward(self, **maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.maps = maps
        return maps["prediction"].sum(), {}


def task(**options: Any) -> TeacherTask:
    return TeacherTask(
        CubeViews(FACE), net=Grey(), loss=Recorded(), optimizer=torch.optim.Adam, **options
    )


def test_all_views_are_compared_with_the_disparity_of_their_depth() -> None:
    teacher = task(max_angle_deg=0.0)
    teacher.losses(room(2))
    maps = teacher.loss.maps
    assert maps["prediction"].shape == maps["target"].shape == (12, 1, FACE, FACE)
    # the front wall of the box stands 3 m away: one depth all over it
    front = maps["target"][0, 0, 6:10, 6:10]
    torch.testing.assert_close(front, torch.full_like(front, 1 / 3), rtol=0.02, atol=0)
    assert maps["valid"].all()


def test_turns_stay_within_the_students() -> None:
    """With ±45° the front view still holds the front wall; a uniform turn would lose it."""
    teacher = task()
    teacher.losses(room(1))
    turned = teacher.loss.maps["target"]
    other = task(seed=1)
    other.losses(room(1))
    assert not torch.equal(other.loss.maps["target"], turned)
    assert abs(float(turned[0].amin()) - 1 / 3) < 0.12


def test_an_unlabelled_pixel_has_a_finite_target() -> None:
    batch = room(1)
    batch["distance"][..., :8, :], batch["valid"][..., :8, :] = 0.0, False
    teacher = task(max_angle_deg=0.0)
    teacher.losses(batch)
    assert teacher.loss.maps["target"].isfinite().all()
    assert not teacher.loss.maps["valid"].all()


def test_validation_scores_views() -> None:
    teacher = task()
    names = SimpleNamespace(val_names=["rooms"], test_names=["rooms"])
    teacher._trainer = SimpleNamespace(datamodule=names)  # type: ignore[assignment]
    teacher.setup("fit")
    teacher._trainer = None
    teacher.validation_step(room(2), 0)
    values = teacher.scores.compute_and_reset()
    assert values["rooms/views/views"] == 12
    assert values["rooms/views/correlation"] > 0.9


def ramp_views(side: int = 32) -> LabelledViews:
    """Picture and depth hold the column, in parts of a view's side; the left half is labelled."""
    column = ((torch.arange(side) + 0.5) / side).expand(2, 1, side, side)
    return LabelledViews(column.expand(-1, 3, -1, -1), column, column < 0.5)


def test_the_middle_of_a_view_at_another_size() -> None:
    zoomed = task(sizes=[16], least_part=0.5)._zoomed(ramp_views(), seeded(0, 3))
    assert [x.shape[-2:] for x in zoomed] == [(16, 16)] * 3
    depth = zoomed.depth[0, 0, 0]
    assert 0.5 <= 16 * (depth[1:] - depth[:-1]).mean() <= 1  # a part of the view is left
    assert depth[0] + depth[-1] == pytest.approx(1, abs=0.04)  # its middle
    assert (zoomed.image[:, :1] - zoomed.depth).abs().max() < 1 / 16
    assert torch.equal(zoomed.valid, zoomed.depth < 0.5)


def test_each_step_draws_its_part_and_size() -> None:
    steps = [
        task(sizes=[16, 24], least_part=0.5)._zoomed(ramp_views(), seeded(0, step))
        for step in range(20)
    ]
    assert {view.depth.shape[-1] for view in steps} == {16, 24}
    widths = [float(view.depth.max() - view.depth.min()) for view in steps]
    assert min(widths) < 0.65
    assert max(widths) > 0.85


def test_views_stay_as_they_were_cut_by_default() -> None:
    views = ramp_views()
    for got, expected in zip(task()._zoomed(views, seeded(0, 1)), views, strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("part", [0.0, -1.0, 1.5, float("nan")])
def test_a_part_is_a_share(part: float) -> None:
    with pytest.raises(ValueError, match="least_part: got"):
        task(least_part=part)


@pytest.mark.parametrize(("options", "side"), [({}, FACE), ({"sizes": [32, 48]}, 48)])
def test_its_folder_says_the_size_of_views(
    options: dict[str, Any], side: int, tmp_path: Path
) -> None:
    teacher = task(**options)
    teacher.net = pano_models.create("perspective_unet", widths=(8, 8, 8, 8, 8))
    teacher.publish(tmp_path / "t", (128, 256))
    assert pano_models.load(tmp_path / "t").native_size == (side, side)
