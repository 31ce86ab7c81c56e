import torch

from pano_models.tables import size_table


def test_computed_once_per_size():
    calls = []

    @size_table
    def ramp(n: int) -> torch.Tensor:
        calls.append(n)
        return torch.arange(n, dtype=torch.float32)

    assert torch.equal(ramp(3), torch.tensor([0.0, 1.0, 2.0]))
    assert ramp(3) is ramp(3)
    assert ramp(4).shape == (4,)
    assert calls == [3, 4]


def test_table_of_validation_serves_training():
    @size_table
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    with torch.inference_mode():
        ramp(3)
    x = torch.ones(3, requires_grad=True)
    (x * ramp(3)).sum().backward()
    assert torch.equal(x.grad, ramp(3))


def test_table_holds_numbers_when_first_needed_on_meta():
    @size_table
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    with torch.device("meta"):
        ramp(3)
    assert ramp(3).tolist() == [0.0, 1.0, 2.0]


def test_constant_of_a_compiled_graph():
    @size_table
    def ramp(n: int) -> torch.Tensor:
        return torch.tensor([float(i) for i in range(n)]).cumsum(0)

    compiled = torch.compile(lambda x: x * ramp(3), backend="eager", fullgraph=True)
    assert compiled(torch.ones(3)).tolist() == [0.0, 1.0, 3.0]


def test_one_copy_per_device():
    @size_table
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    there = ramp(3, device=torch.device("meta"))
    assert there.device.type == "meta"
    assert ramp(3, device=torch.device("meta")) is there
    assert ramp(3).device.type == "cpu"
