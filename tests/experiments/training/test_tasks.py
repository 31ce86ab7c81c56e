"""The idea of each paper in `losses(batch)`: which maps reach the loss, and what the switches change."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

import pano_models
from experiments.da2.without_sphere import DA2WithoutSphere
from experiments.dap.task import DapTask
from experiments.depth_anywhere.metric_task import MetricTask
from experiments.depth_anywhere.plain_picture import PlainPicture
from experiments.depth_anywhere.task import DepthAnywhereTask
from experiments.depth_anywhere.views import CubeViews, TangentViews
from pano_losses import BerHu, WeightedSum, berhu

ROOT = Path(__file__).parents[3]
SIZE = (16, 32)


class Pointwise(nn.Module):
    """A prediction of every kind from the picture's channels; one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        grey = image.mean(1, keepdim=True) * self.scale + 0.1
        keys = ("disparity_affine", "distance_metric", "far_probability")
        return dict.fromkeys(keys, grey)


class Recorded(nn.Module):
    """Remembers the maps a loss is given."""

    def forward(self, **maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.maps = maps
        return maps["prediction"].sum(), {}


def batch(labelled: int, unlabelled: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(7)
    n = labelled + unlabelled
    return {
        "image": torch.rand(n, 3, *SIZE, generator=generator),
        "distance": 1 + 40 * torch.rand(n, 1, *SIZE, generator=generator),
        "valid": torch.rand(n, 1, *SIZE, generator=generator) > 0.1,
        "far": torch.zeros(n, 1, *SIZE, dtype=torch.bool),
        "labelled": torch.arange(n) < labelled,
    }


def depth_anywhere(**options: Any) -> DepthAnywhereTask:
    given = {"views": CubeViews(8), **options}
    return DepthAnywhereTask(
        teacher=Pointwise(), net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam, **given
    )


def test_range_mask_calls_what_lies_beyond_far() -> None:
    given = batch(2)
    task = DapTask(range_m=20.0, net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam)
    task.losses(given)
    beyond = given["valid"] & (given["distance"] > 20.0)
    assert beyond.any()
    assert torch.equal(task.loss.maps["far"], beyond)
    assert torch.equal(task.loss.maps["valid"], given["valid"] & (given["distance"] <= 20.0))


def test_without_a_range_the_data_sets_decide() -> None:
    given = batch(2)
    task = DapTask(net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam)
    task.losses(given)
    assert torch.equal(task.loss.maps["valid"], given["valid"])
    assert torch.equal(task.loss.maps["far"], given["far"])
    with pytest.raises(ValueError, match="got range_m=-1"):
        DapTask(range_m=-1, net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam)


def test_half_of_a_batch_is_compared_by_views() -> None:
    task = depth_anywhere()
    task.losses(batch(2, 2))
    maps = task.loss.maps
    assert maps["prediction"].shape == (2, 1, *SIZE)
    assert maps["view_prediction"].shape == maps["view_target"].shape == (2, 6, 1, 8, 8)
    assert maps["view_valid"].dtype == torch.bool
    assert not maps["view_target"].requires_grad
    assert maps["view_prediction"].requires_grad


def test_without_unlabelled_data_there_are_no_views() -> None:
    task = depth_anywhere()
    task.losses(batch(3))
    assert set(task.loss.maps) == {"prediction", "target", "valid"}


def test_the_teacher_and_the_student_look_through_the_same_views() -> None:
    """A student equal to the teacher, on upright views, differs by nothing but its depth's cosine."""
    task = depth_anywhere(max_angle_deg=0.0)
    given = batch(1, 1)
    given["image"] = torch.full_like(given["image"], 0.5)
    task.losses(given)
    own = task.loss.maps["view_prediction"] * task.views.cosine(task.loss.maps["view_prediction"])
    torch.testing.assert_close(own, task.loss.maps["view_target"])


def test_the_teacher_sees_the_picture_before_its_colours_were_changed() -> None:
    given = batch(1, 1)
    kept = PlainPicture()(given, torch.Generator())
    kept["image"] = given["image"] * 0.5
    task = depth_anywhere(max_angle_deg=0.0)
    task.losses(given)
    plain = task.loss.maps["view_target"]
    task.losses(kept)
    torch.testing.assert_close(task.loss.maps["view_target"], plain)
    task.losses({**given, "image": given["image"] * 0.5})  # without it: what the student sees
    assert not torch.allclose(task.loss.maps["view_target"], plain)


class OneBatch(DepthAnywhereTask):
    """Trains on given batches, without a data module."""

    def setup(self, stage: str) -> None:
        pass


def test_mixed_precision_is_for_networks_not_for_geometry() -> None:
    maps = {}
    for precision in ("32-true", "bf16-mixed"):
        task = OneBatch(
            teacher=Pointwise(), net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam, views=CubeViews(8)
        )  # fmt: skip
        trainer = Trainer(
            precision=precision, max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(task, DataLoader([batch(1, 1)], batch_size=None))
        maps[precision] = task.loss.maps
    for name, exact in maps["32-true"].items():
        torch.testing.assert_close(maps["bf16-mixed"][name], exact, rtol=0, atol=0, msg=name)


def test_a_checkpoint_holds_the_student_and_not_its_teacher() -> None:
    task, checkpoint = depth_anywhere(), {}
    checkpoint["state_dict"] = task.state_dict()
    task.on_save_checkpoint(checkpoint)
    assert list(checkpoint["state_dict"]) == ["net.scale"]
    other = depth_anywhere()
    with torch.no_grad():
        other.net.scale.zero_()
        other.teacher.scale.fill_(5.0)
    other.on_load_checkpoint(checkpoint)
    other.load_state_dict(checkpoint["state_dict"])
    assert (float(other.net.scale), float(other.teacher.scale)) == (2.0, 5.0)


def test_rotations() -> None:
    one = depth_anywhere().rotations(3)
    assert torch.equal(one[0], one[2])
    each = depth_anywhere(per_sample=True).rotations(3)
    assert not torch.allclose(each[0], each[2])
    upright = depth_anywhere(max_angle_deg=0.0).rotations(2)
    torch.testing.assert_close(upright, torch.eye(3).expand(2, 3, 3))
    assert not torch.allclose(one, depth_anywhere(seed=1).rotations(3))


def test_tangent_views_instead_of_a_cube() -> None:
    task = depth_anywhere(views=TangentViews(8, count=12))
    task.losses(batch(1, 1))
    assert task.loss.maps["view_prediction"].shape == (1, 12, 1, 8, 8)


def test_metric_fine_tuning_is_reversed_huber_in_metres() -> None:
    given = batch(2)
    task = MetricTask(net=Pointwise(), loss=WeightedSum({"berhu": BerHu()}), optimizer=torch.optim.Adam)  # fmt: skip
    total, terms = task.losses(given)
    metres = task.net(given["image"])["distance_metric"]
    expected = berhu(metres, given["distance"], given["valid"]).value
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(terms["berhu"], expected.detach())


def test_without_sphere_the_weights_are_the_same_and_the_angles_are_gone(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "backbone": "vit_tiny_patch16_224",
        "backbone_options": {"depth": 4, "embed_dim": 48, "num_heads": 2},
        "width": 32, "heads": 2, "head_channels": 8, "residual_units": 1,
    }  # fmt: skip
    full = pano_models.create("da2", **options).eval()
    bare = pano_models.create("da2_without_sphere", **options).eval()
    assert isinstance(bare, DA2WithoutSphere)
    bare.load_state_dict(full.state_dict())
    image = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        seen, blind = full(image), bare(image)
    assert not torch.allclose(seen["distance_scale_invariant"], blind["distance_scale_invariant"])
    pano_models.save(bare, tmp_path)
    with torch.no_grad():
        again = pano_models.load(tmp_path)(image)
    torch.testing.assert_close(again, blind)


@pytest.mark.parametrize("paper", ["da2", "dap", "depth_anywhere"])
def test_a_task_is_read_at_one_go(paper: str) -> None:
    for file in (ROOT / "experiments" / paper).glob("*task.py"):
        assert len(file.read_text().splitlines()) <= 120, file
