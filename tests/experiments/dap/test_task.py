"""Which maps of a batch reach DAP's terms, and that its range masks train on any network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pano_models
from experiments.dap.task import DapTask
from pano_losses import EdgeSILog, PointL1, RangeMask, SILog, WeightedSum, evaluate
from pano_models.outputs import far_key
from tests.experiments.given_maps import SIZE, Pointwise, Recorded, batch


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
