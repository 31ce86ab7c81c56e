"""Data-parallel training without `find_unused_parameters`: all parameters take part in a step."""

import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import pano_models as pm
from tests.models.conftest import TINY_DA2, TINY_DAP
from tests.models.students.test_student import STUDENTS

CASES = {
    "da2": ("da2", TINY_DA2),
    "da2 released": ("da2", TINY_DA2 | {"faithful": True}),
    "da2 frozen": ("da2", TINY_DA2 | {"frozen_blocks": 2}),
    "da2 frozen, checkpointed": (
        "da2",
        TINY_DA2 | {"frozen_blocks": 2, "gradient_checkpointing": True},
    ),
    "da2 early taps": ("da2", TINY_DA2 | {"taps": (0, 1, 2, 3), "frozen_blocks": 4}),
    "dap": ("dap", TINY_DAP),
    "dap released": ("dap", TINY_DAP | {"faithful": True}),
    "dap frozen": ("dap", TINY_DAP | {"frozen_blocks": 1}),
    **{name: (name, config) for name, config in STUDENTS.items()},
}


@pytest.fixture(scope="module")
def group():
    """A process group of this process alone."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def steps(network: torch.nn.Module) -> None:
    """Two steps: the reducer complains at the second one if the first left a gradient out."""
    wrapped = DistributedDataParallel(network.train())
    for _ in range(2):
        maps = wrapped(torch.rand(2, 3, 64, 128))
        sum(value.square().mean() for value in maps.values()).backward()


@pytest.mark.parametrize("case", CASES)
def test_two_steps(case, group):
    name, config = CASES[case]
    network = pm.create(name, **config)
    steps(network)
    moved = [p for p in network.parameters() if p.requires_grad]
    assert moved
    assert all(p.grad is not None for p in moved)
    assert all(p.grad is None for p in network.parameters() if not p.requires_grad)


@pytest.mark.parametrize("name", ["da2", "dap", "unifuse"])
def test_two_steps_of_a_range_mask(name, group):
    network = pm.attach_range_mask(pm.create(name, **CASES[name][1]), thresholds=[10.0])
    steps(network)
    assert any(p.grad is not None for p in network.parameters())


def test_an_unused_parameter_is_noticed(group):
    """The check above can fail."""
    network = pm.create("da2", **TINY_DA2)
    network.spare = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(RuntimeError, match="Expected to have finished reduction"):
        steps(network)
