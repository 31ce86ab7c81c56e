"""Networks that do not fit on one device: all their states spread over all ranks."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy, StrategyRegistry
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

Task = TypeVar("Task", bound=Any)


class Sharded(ModelParallelStrategy):
    """FSDP2 over all ranks of all nodes; checkpoints stay one file with full tensors.

    `--trainer.strategy sharded`. Lightning's own `FSDPStrategy` needs a GPU and FSDP1; this one
    also runs on CPU ranks, where it is tested. A checkpoint is assembled on rank 0.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Spread the data over the whole world, whose size is known only now."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()


StrategyRegistry.register("sharded", Sharded, override=True)


def shard(net: nn.Module, mesh: DeviceMesh) -> None:
    """Shard the transformer blocks one by one, then what is left, in place.

    Args:
        net: Network; the entries of each `blocks` list or sequence (timm's name) are units of their
            own.
        mesh: One-dimensional mesh of the ranks.
    """
    for name, module in list(net.named_modules()):
        if name.rpartition(".")[2] == "blocks" and isinstance(
            module, nn.ModuleList | nn.Sequential
        ):
            for block in module:
                fully_shard(block, mesh=mesh)
    fully_shard(net, mesh=mesh)


def is_sharded(net: nn.Module) -> bool:
    """Tell whether this rank holds only a part of the network."""
    return any(isinstance(p, DTensor) for p in net.parameters())


def full_state(net: nn.Module) -> dict[str, Any]:
    """Return the full tensors of a sharded network on the CPU of rank 0.

    Every rank must call it.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state: dict[str, Any] = get_model_state_dict(net, options=options)
    return state


def gather(task: Task, build: Callable[[], Task], keep: bool) -> Task:
    """Return the task with its full network; every rank must call it.

    Args:
        task: With a network `net`, sharded or not.
        build: Builds such a task anew.
        keep: Whether this rank needs the full network; the others get back what they gave.
    """
    if not is_sharded(task.net):
        return task
    state = full_state(task.net)
    if not keep:
        return task
    whole = build()
    whole.net.load_state_dict(state)
    whole.net.spec = task.net.spec
    return whole


def spare_batches(trainer: Trainer) -> int:
    """Return how many validation batches this rank has fewer than the rank with most.

    Every rank must call it. Each forward pass of a sharded network is an exchange of all ranks: a
    rank that has seen its share of the validation rows must keep calling the network until the
    others have seen theirs.
    """
    fitting = trainer.state.fn == "fit"
    alone = trainer.test_loop if trainer.testing else trainer.validate_loop
    loop = trainer.fit_loop.epoch_loop.val_loop if fitting else alone
    own = int(sum(loop.max_batches))
    most = torch.tensor([own], device=trainer.strategy.root_device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most.item()) - own
