"""The idea of each paper in `losses(batch)`.

Which maps reach the loss, and what the switches change.
"""

import copy
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
from experiments.depth_anywhere.augmentation import PlainPicture
from experiments.depth_anywhere.metric_task import MetricTask
from experiments.depth_anywhere.task import DepthAnywhereTask
from experiments.depth_anywhere.views import CubeViews, TangentViews
from experiments.training.task import Batch, DepthTask
from pano_losses import (
    BerHu,
    EdgeSILog,
    PointL1,
    RangeMask,
    SILog,
    WeightedSum,
    berhu,
    evaluate,
)
from pano_models.outputs import far_key

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


class Metres(Pointwise):
    """Distance alone."""

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"distance_metric": super().forward(image)["distance_metric"]}


class Perfect(nn.Module):
    """The truth, whatever the picture."""

    def __init__(self, distance: Tensor, key: str, far: Tensor) -> None:
        super().__init__()
        self.maps = {"distance_metric": distance, key: far.float()}
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.maps


PLUGGED: dict[str, dict[str, Any]] = {
    "da2": {
        "backbone": "vit_tiny_patch16_224",
        "backbone_options": {"depth": 4, "embed_dim": 48, "num_heads": 2},
        "width": 32, "heads": 2, "head_channels": 8, "residual_units": 1,
    },
    "unifuse": {"backbone": "resnet10t", "width": 0.125, "head": "affine"},
}  # fmt: skip


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


class Ranges(Pointwise):
    """Distance with a mask for each of two ranges."""

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        metres = super().forward(image)["distance_metric"]
        masks = {"far_probability_20m": image[:, :1], "far_probability": image[:, 1:2]}
        return {"distance_metric": metres, **masks}


def test_a_range_is_the_target_of_its_mask_and_of_nothing_else() -> None:
    given = batch(2)
    given["distance"] *= 4
    given["far"] = ~given["valid"] & (torch.rand(2, 1, *SIZE) > 0.5)
    task = DapTask(net=Ranges(), loss=Recorded(), optimizer=torch.optim.Adam)
    task.losses(given)
    maps = task.loss.maps
    assert torch.equal(maps["valid"], given["valid"])  # distances beyond 20 and 100 m stay
    assert torch.equal(maps["far_probability"], given["image"][:, :2])
    for channel, reach in enumerate((20.0, 100.0)):
        beyond = given["valid"] & (given["distance"] > reach)
        assert beyond.any()
        assert torch.equal(maps["far"][:, channel : channel + 1], beyond | given["far"])


def test_without_a_mask_the_data_sets_say_what_is_far() -> None:
    given = batch(2)
    task = DapTask(net=Metres(), loss=Recorded(), optimizer=torch.optim.Adam)
    task.losses(given)
    assert set(task.loss.maps) == {"prediction", "target", "valid", "far"}
    assert torch.equal(task.loss.maps["far"], given["far"])


def test_a_perfect_network_costs_nothing_at_any_range() -> None:
    """Until 2026-11 what lay beyond the range was taken out of all terms and filled with 100 m."""
    given = batch(2)
    terms = {
        "silog": SILog(), "grad": EdgeSILog(), "points": PointL1(),
        "mask": RangeMask(pixel_loss="mse")
    }  # fmt: skip
    for reach in (10.0, 20.0, 50.0, 100.0):
        net = Perfect(given["distance"], far_key(reach), given["distance"] > reach)
        task = DapTask(net=net, loss=WeightedSum(terms), optimizer=torch.optim.Adam)
        total, _ = task.losses(given)
        assert total.item() == pytest.approx(0, abs=1e-5)
        scores = evaluate(task(given["image"]), given["distance"], given["valid"], "dap_metric")
        assert scores["absrel"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["da2", "unifuse"])
def test_masks_train_on_any_network_and_leave_it_as_it_was(name: str, tmp_path: Path) -> None:
    """Four heads on a finished network of another paper: bright means far."""
    torch.manual_seed(0)
    base = {"name": name, "config": PLUGGED[name]}
    finished = pano_models.create(name, **PLUGGED[name]).eval()
    pano_models.save(finished, tmp_path)
    masked = pano_models.RangeMasked(base, features=16, freeze_base=True)
    loss = WeightedSum({"mask": RangeMask(pixel_loss="bce")})
    task = DapTask(
        net=masked, loss=loss, optimizer=torch.optim.Adam, init_from=str(tmp_path)
    ).train()
    image = torch.zeros(2, 3, 64, 128)
    image[:, :, :32] = 1
    near_above = torch.where(image[:, :1] > 0, 60.0, 5.0)
    given = {
        "image": image, "distance": near_above, "valid": torch.ones_like(near_above).bool(),
        "far": torch.zeros_like(near_above).bool(),
    }  # fmt: skip
    optimizer = torch.optim.Adam([p for p in task.parameters() if p.requires_grad], 1e-2)
    first = task.losses(given)[0].item()
    for _ in range(25):
        optimizer.zero_grad()
        total, _ = task.losses(given)
        total.backward()
        optimizer.step()
    assert total.item() < 0.3 * first
    with torch.no_grad():
        maps, before = task.eval()(image), finished(image)
    for reach in (10.0, 20.0, 50.0, 100.0):
        right = (maps[far_key(reach)] > 0.5) == (near_above > reach)
        assert right.float().mean() > 0.9, reach
    kind = pano_models.geometry_key(before)
    assert torch.equal(maps[kind], before[kind])


def test_masks_alone_on_a_relative_network_refuse_terms_in_metres() -> None:
    masked = pano_models.RangeMasked({"name": "da2", "config": PLUGGED["da2"]}, features=8)
    task = DapTask(net=masked, loss=WeightedSum({"silog": SILog()}), optimizer=torch.optim.Adam)
    with pytest.raises(ValueError, match=r"loss term 'silog' needs \['prediction'\]"):
        task.losses({**batch(1), "image": torch.rand(1, 3, 64, 128)})


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


class OneBatch(DepthAnywhereTask):
    """Trains on given batches, without a data module."""

    def setup(self, stage: str) -> None:
        pass


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


def test_channels_last_is_a_layout_and_changes_no_value() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 1, 3))
    nets = [plain, copy.deepcopy(plain)]
    tasks = [
        MetricTask(
            net=net, loss=Recorded(), optimizer=torch.optim.Adam, channels_last=channels_last
        )
        for net, channels_last in zip(nets, (False, True), strict=True)
    ]
    assert tasks[1].net[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert not tasks[0].net[1].weight.is_contiguous(memory_format=torch.channels_last)
    image = torch.rand(2, 3, *SIZE)
    torch.testing.assert_close(tasks[1].net(image), tasks[0].net(image))
    state = tasks[1].state_dict()
    assert all(torch.equal(state[k], v) for k, v in tasks[0].state_dict().items())


def test_maps_of_a_frozen_encoder_are_kept(tmp_path: Path) -> None:
    options = {"backbone_options": {"embed_dim": 32}, "width": 32, "heads": 2, "head_channels": 8}
    net = pano_models.DA2(backbone="efficientnet_lite0", frozen_blocks=0, **options)
    kept = DepthTask(
        net=net, loss=Recorded(), optimizer=torch.optim.Adam, feature_cache=str(tmp_path)
    )
    image = torch.rand(2, 3, 64, 128)
    first = kept(image)["distance_scale_invariant"]
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert torch.equal(kept(image)["distance_scale_invariant"], first)
    trained = pano_models.DA2(backbone="efficientnet_lite0", **options)
    for wrong, told in ((trained, "expected a frozen one"), (nn.Conv2d(3, 1, 1), "got Conv2d")):
        with pytest.raises(ValueError, match=told):
            DepthTask(net=wrong, loss=Recorded(), optimizer=torch.optim.Adam, feature_cache="x")


class Normed(DepthTask):
    """A network of one batch norm, drawn towards zero; nothing is validated."""

    def setup(self, stage: str) -> None:
        """Score nothing."""

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = self(batch["image"])["distance_scale_invariant"].square().mean()
        return loss, {"square": loss}


class OneNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"distance_scale_invariant": self.encoder(image).exp()}


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_norms_keep_their_statistics_in_a_training(frozen: bool, tmp_path: Path) -> None:
    task = Normed(
        net=OneNorm(),
        loss=Recorded(),
        optimizer=torch.optim.Adam,
        frozen_norms=["encoder.*"] if frozen else [],
    )
    norm = task.net.encoder[1]
    weight = norm.weight.clone()
    loader = DataLoader([{"image": torch.rand(3, 4, 8)} for _ in range(4)], batch_size=2)
    trainer = Trainer(
        max_steps=2, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(task, loader)
    assert torch.equal(norm.running_mean, torch.zeros(1)) is frozen
    assert not torch.equal(norm.weight, weight)  # its factor is learned all the same
    assert task.train().net.encoder[1].training is not frozen


def test_frozen_norms_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match=r"frozen_norms: got 'backbone.\*', which fits no"):
        Normed(
            net=OneNorm(), loss=Recorded(), optimizer=torch.optim.Adam, frozen_norms=["backbone.*"]
        )
