"""What the tasks of all papers share."""

import copy
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

import pano_models
from experiments.depth_anywhere.metric_task import MetricTask
from experiments.training.task import Batch, DepthTask
from tests.experiments.given_maps import SIZE, Recorded

ROOT = Path(__file__).parents[3]


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
