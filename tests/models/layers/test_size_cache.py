import torch

from pano_models.layers.size_cache import SizeCache, cached_by_size

CPU = torch.device("cpu")


def test_computed_once_per_size():
    calls = []

    @cached_by_size
    def ramp(n: int) -> torch.Tensor:
        calls.append(n)
        return torch.arange(n, dtype=torch.float32)

    assert torch.equal(ramp(3), torch.tensor([0.0, 1.0, 2.0]))
    assert ramp(3) is ramp(3)
    assert ramp(4).shape == (4,)
    assert calls == [3, 4]


def test_table_of_validation_serves_training():
    @cached_by_size
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    with torch.inference_mode():
        ramp(3)
    x = torch.ones(3, requires_grad=True)
    (x * ramp(3)).sum().backward()
    assert torch.equal(x.grad, ramp(3))


def test_table_holds_numbers_when_first_needed_on_meta():
    @cached_by_size
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    with torch.device("meta"):
        ramp(3)
    assert ramp(3).tolist() == [0.0, 1.0, 2.0]


def test_constant_of_a_compiled_graph():
    @cached_by_size
    def ramp(n: int) -> torch.Tensor:
        return torch.tensor([float(i) for i in range(n)]).cumsum(0)

    compiled = torch.compile(lambda x: x * ramp(3), backend="eager", fullgraph=True)
    assert compiled(torch.ones(3)).tolist() == [0.0, 1.0, 3.0]


def test_one_copy_per_device():
    @cached_by_size
    def ramp(n: int) -> torch.Tensor:
        return torch.arange(n, dtype=torch.float32)

    there = ramp(3, device=torch.device("meta"))
    assert there.device.type == "meta"
    assert ramp(3, device=torch.device("meta")) is there
    assert ramp(3).device.type == "cpu"


def test_table_is_built_once_a_size_and_the_longest_unused_goes():
    calls = []
    cache = SizeCache(lambda n: calls.append(n) or torch.zeros(n), limit=2)
    for n in (1, 2, 1, 3, 1, 2):
        cache(n, device=CPU)
    assert calls == [1, 2, 3, 2]  # 2 was the longest unused when 3 came


def test_tables_made_in_inference_mode_can_be_trained_with():
    cache = SizeCache(lambda n: torch.ones(n))
    with torch.inference_mode():
        assert not cache(3, device=CPU).is_inference()
    weight = torch.ones(3, requires_grad=True)
    (weight * cache(3, device=CPU)).sum().backward()
    assert weight.grad.tolist() == [1, 1, 1]
