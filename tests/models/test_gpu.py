"""What only a CUDA device shows: the same numbers, compiled and in bfloat16."""

import pytest
import torch

import pano_models as pm
from tests.models.conftest import with_statistics
from tests.models.students.test_student import STUDENTS

pytestmark = pytest.mark.gpu


@pytest.fixture
def full_products(monkeypatch):
    """Products in float32, not TF32."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.usefixtures("full_products")
@pytest.mark.parametrize("name", ["da2", "dap"])
def test_cuda_agrees_with_the_cpu(name, request, stir):
    network = stir(pm.create(name, **request.getfixturevalue(f"tiny_{name}")))
    rgb = torch.rand(2, 3, 64, 128)
    with torch.no_grad():
        expected = network(rgb)
        got = network.cuda()(rgb.cuda())
    for key, value in expected.items():
        torch.testing.assert_close(got[key].cpu(), value, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("full_products")
@pytest.mark.parametrize("form", [{}, {"equivariant": True}], ids=str)
@pytest.mark.parametrize("name", STUDENTS)
@torch.no_grad()
def test_students_agree_with_the_cpu(name, form):
    torch.manual_seed(0)
    network = with_statistics(pm.create(name, **STUDENTS[name], **form))
    rgb = torch.rand(2, 3, 64, 128)
    expected = network(rgb)[network.key]
    got = network.cuda()(rgb.cuda())[network.key]
    torch.testing.assert_close(got.cpu(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_compiled_bfloat16_backbone(name, request, stir):
    config = request.getfixturevalue(f"tiny_{name}")
    network = stir(pm.create(name, **config, precision="bfloat16")).cuda()
    rgb = torch.rand(2, 3, 64, 128, device="cuda")
    with torch.no_grad():
        expected = network(rgb)
        got = torch.compile(network, fullgraph=True)(rgb)
    for key, value in expected.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(got[key], value, rtol=2e-2, atol=1e-3)


def test_tables_follow_the_device(tiny_da2):
    network = pm.create("da2", **tiny_da2)
    rgb = torch.rand(1, 3, 70, 140)
    with torch.no_grad():
        network(rgb)
        assert network.cuda()(rgb.cuda())["distance_scale_invariant"].is_cuda
