"""A sharded network is the same network: on one rank here, on two by the slow test."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mlflow.tracking import MlflowClient
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

from benchmarks import kill_trials, two_nodes
from benchmarks.kill_trials import KillSetting
from experiments.training.divergence import NonFiniteGuard
from experiments.training.sharding import full_state, is_sharded, shard
from tests.experiments import tiny


class Net(nn.Module):
    """A stem, blocks and a head, named as timm names them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(3, 8)
        self.blocks = nn.Sequential(*(nn.Linear(8, 8) for _ in range(3)))
        self.head = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.stem(x)).tanh())
        return out


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceMesh]:
    store = tmp_path_factory.mktemp("group") / "store"
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=0, world_size=1
    )
    yield init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


def test_outputs_gradients_and_state_are_those_of_the_whole_network(mesh: DeviceMesh) -> None:
    torch.manual_seed(0)
    whole, x = Net(), torch.randn(4, 3)
    parts = Net()
    parts.load_state_dict(whole.state_dict())
    assert not is_sharded(parts)
    shard(parts, mesh)
    assert is_sharded(parts)
    assert all(isinstance(p, DTensor) for p in parts.parameters())
    torch.testing.assert_close(parts(x), whole(x), rtol=0, atol=0)
    parts(x).sum().backward()
    whole(x).sum().backward()
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(other.grad.full_tensor(), one.grad)  # type: ignore[union-attr]
    assert {k: v.tolist() for k, v in full_state(parts).items()} == {
        k: v.tolist() for k, v in whole.state_dict().items()
    }


def test_the_guard_looks_into_sharded_gradients(mesh: DeviceMesh) -> None:
    net = Net()
    shard(net, mesh)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    guard, trainer = NonFiniteGuard(patience=3), SimpleNamespace(world_size=1, global_step=0)
    module = SimpleNamespace(
        parameters=net.parameters, modules=net.modules, log=lambda *_, **__: None
    )
    for x, skipped in ((torch.ones(1, 3), 0), (torch.full((1, 3), torch.nan), 1)):
        optimizer.zero_grad()
        net(x).sum().backward()
        guard.on_before_optimizer_step(trainer, module, optimizer)  # type: ignore[arg-type]
        assert guard.skipped == skipped


@pytest.mark.slow  # 120 s of wall time on four shared cores
@pytest.mark.ddp
def test_two_sharded_ranks_train_resume_and_publish_like_two_whole_ones(tmp_path: Path) -> None:
    for name, strategy in (("whole", "ddp"), ("sharded", "sharded")):
        tiny.prepare(tmp_path / name, model=tiny.without_drop_path())
        steps = (6, tiny.STEPS) if strategy == "sharded" else (tiny.STEPS,)
        for last in steps:  # the second one goes on from the first one's checkpoint
            setting = KillSetting(
                ranks=2, strategy=strategy, more=("--trainer.max_steps", str(last))
            )
            if last != steps[0]:
                (checkpoint,) = (tmp_path / name).glob(".runs/tiny/*/last.ckpt")
                setting = setting._replace(more=(*setting.more, "--ckpt_path", str(checkpoint)))
            kill_trials.train(tmp_path / name, setting)
    assert two_nodes.weight_difference(tmp_path / "whole", tmp_path / "sharded") < 1e-4
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs(["1"], order_by=["attributes.start_time"])
    # Five validation rows: one rank has a batch more than the other.
    whole, begun, resumed = (
        {k: v for k, v in run.data.metrics.items() if k.startswith("val/")} for run in runs
    )
    assert whole["val/rooms/da2_paper/images_scored"] == 5
    assert resumed == pytest.approx(whole, rel=1e-4)
    assert begun != pytest.approx(whole, rel=1e-4)
