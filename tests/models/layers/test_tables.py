import torch

from pano_models.layers.tables import TableCache

CPU = torch.device("cpu")


def test_table_is_built_once_a_size_and_the_longest_unused_goes():
    calls = []
    cache = TableCache(lambda n: calls.append(n) or torch.zeros(n), limit=2)
    for n in (1, 2, 1, 3, 1, 2):
        cache(n, device=CPU)
    assert calls == [1, 2, 3, 2]  # 2 was the longest unused when 3 came


def test_tables_made_in_inference_mode_can_be_trained_with():
    cache = TableCache(lambda n: torch.ones(n))
    with torch.inference_mode():
        assert not cache(3, device=CPU).is_inference()
    weight = torch.ones(3, requires_grad=True)
    (weight * cache(3, device=CPU)).sum().backward()
    assert weight.grad.tolist() == [1, 1, 1]
