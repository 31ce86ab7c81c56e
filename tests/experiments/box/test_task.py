"""The training of the network in the box: which maps reach the loss, and at which sizes."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from experiments.box.task import BoxTask

SIZES = [(8, 16), (12, 24)]


class Grey(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        grey = image[:, :1] * self.scale
        return {"distance_scale_invariant": grey, "far_probability": grey.sigmoid()}


class Recorded(nn.Module):
    def forward(self, **maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.maps = maps
        return maps["prediction"].sum(), {}


def task(**options: object) -> BoxTask:
    return BoxTask(net=Grey(), loss=Recorded(), optimizer=torch.optim.Adam, **options)


def batch() -> dict[str, Tensor]:
    distance = torch.full((2, 1, 16, 32), 3.0)
    distance[..., 16:] = 9.0
    far = torch.zeros(2, 1, 16, 32, dtype=torch.bool)
    far[:, :, :4] = True
    distance[far] = 0.0
    return {"image": torch.rand(2, 3, 16, 32), "distance": distance, "valid": ~far, "far": far}


class TestLosses:
    def test_distance_and_sky_reach_the_loss(self):
        box, given = task(), batch()
        box.losses(given)
        maps = box.loss.maps
        torch.testing.assert_close(maps["prediction"], 2 * given["image"][:, :1])
        torch.testing.assert_close(maps["far_probability"], maps["prediction"].sigmoid())
        for name, source in (("target", "distance"), ("valid", "valid"), ("far", "far")):
            assert torch.equal(maps[name], given[source])

    def test_labels_are_not_mixed_over_an_edge(self):
        box = task(sizes=[(12, 24)])
        box.losses(batch())
        maps = box.loss.maps
        assert maps["prediction"].shape == (2, 1, 12, 24)
        assert maps["target"].unique().tolist() == [0.0, 3.0, 9.0]
        assert not (maps["valid"] & maps["far"]).any()
        assert (maps["target"][maps["valid"]] > 0).all()


class TestSizes:
    def sizes(self, seed: int) -> list[int]:
        heights = []
        for step in range(40):
            box = task(sizes=SIZES, seed=seed)
            box._trainer = SimpleNamespace(global_step=step)
            heights.append(box.resized(batch())["image"].shape[-2])
        return heights

    def test_every_size_is_drawn(self):
        drawn = self.sizes(0)
        assert set(drawn) == {8, 12}
        assert 10 <= drawn.count(8) <= 30

    def test_a_step_has_the_same_size_again(self):
        assert self.sizes(0) == self.sizes(0)
        assert self.sizes(0) != self.sizes(1)

    def test_none_are_those_of_the_data(self):
        given = batch()
        assert all(v is given[k] for k, v in task().resized(given).items())


@pytest.mark.parametrize("size", SIZES)
def test_gradients_pass(size):
    box = task(sizes=[size])
    total, _ = box.losses(batch())
    total.backward()
    assert box.net.scale.grad.abs() > 0
