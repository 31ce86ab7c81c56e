"""What the equivariant form buys: two trainings on the same rooms, seen at the seam."""

import pytest
import torch

import pano_models as pm
from pano_models.outputs import geometry_key
from tests.models.box_rooms import abs_rel, box_rooms, train


def seam_jump(network, rgb):
    """Mean difference between the last and the first column, of the mean distance."""
    with torch.no_grad():
        maps = network(rgb)
    distance = maps[geometry_key(maps)]
    return ((distance[..., 0] - distance[..., -1]).abs().mean() / distance.mean()).item()


@pytest.mark.slow  # 45 s each on a busy machine
@pytest.mark.parametrize("name", ["da2", "dap"])
def test_equivariant_training_has_no_seam_and_no_larger_error(name, request):
    rgb, distance = box_rooms(8, torch.Generator().manual_seed(5))
    jumps, errors = [], []
    for equivariant in (False, True):
        torch.manual_seed(0)
        network = pm.create(
            name, **request.getfixturevalue(f"tiny_{name}"), equivariant=equivariant
        )
        train(network, torch.Generator().manual_seed(2), steps=150)
        jumps.append(seam_jump(network, rgb))
        errors.append(abs_rel(network, rgb, distance))
    assert jumps[1] < 0.5 * jumps[0]
    assert errors[1] < 1.05 * errors[0]
