"""Which maps reach Depth Anywhere's loss, and what its switches change."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from experiments.depth_anywhere.augmentation import PlainPicture
from experiments.depth_anywhere.metric_task import MetricTask
from experiments.depth_anywhere.task import DepthAnywhereTask
from experiments.depth_anywhere.views import CubeViews, TangentViews
from pano_losses import BerHu, WeightedSum, berhu
from tests.experiments.given_maps import SIZE, Pointwise, Recorded, batch


def depth_anywhere(**options: Any) -> DepthAnywhereTask:
    given = {"views": CubeViews(8), **options}
    return DepthAnywhereTask(
        teacher=Pointwise(), net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam, **given
    )


class OneBatch(DepthAnywhereTask):
    """Trains on given batches, without a data module."""

    def setup(self, stage: str) -> None:
        pass


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
    """A student equal to the teacher differs by its depth's cosine only."""
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


def test_mixed_precision_is_for_networks_not_for_geometry() -> None:
    maps = {}
    for precision in ("32-true", "bf16-mixed"):
        task = OneBatch(
            teacher=Pointwise(), net=Pointwise(), loss=Recorded(), optimizer=torch.optim.Adam,
            views=CubeViews(8)
        )  # fmt: skip
        trainer = Trainer(
            precision=precision, max_steps=1, accelerator="cpu", logger=False,
            enable_checkpointing=False,
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
    task = MetricTask(net=Pointwise(), loss=WeightedSum({"berhu": BerHu()}),
        optimizer=torch.optim.Adam)  # fmt: skip
    total, terms = task.losses(given)
    metres = task.net(given["image"])["distance_metric"]
    expected = berhu(metres, given["distance"], given["valid"]).value
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(terms["berhu"], expected.detach())
