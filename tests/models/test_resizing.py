import torch

from pano_models.resizing import run_at_height, run_at_stride


class Recorder:
    """Returns its input's first channel and remembers the size."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.size = tuple(x.shape[-2:])
        return x[:, :1]


def test_fitting_size_is_untouched():
    rgb, network = torch.rand(1, 3, 64, 128), Recorder()
    assert torch.equal(run_at_stride(network, rgb, 32), rgb[:, :1])
    assert network.size == (64, 128)


def test_nearest_panorama_and_back():
    network = Recorder()
    out = run_at_stride(network, torch.full((1, 3, 100, 150), 0.5), 32)
    assert network.size == (96, 192)
    torch.testing.assert_close(out, torch.full((1, 1, 100, 150), 0.5))


def test_at_least_two_strides():
    network = Recorder()
    run_at_stride(network, torch.rand(1, 3, 10, 20), 32)
    assert network.size == (64, 128)


def test_given_height():
    network = Recorder()
    assert run_at_height(network, torch.rand(1, 3, 64, 128), 32).shape == (1, 1, 64, 128)
    assert network.size == (32, 64)


def test_largest_height():
    network = Recorder()
    out = run_at_stride(network, torch.rand(1, 3, 200, 400), 32, max_height=140)
    assert network.size == (128, 256)
    assert out.shape == (1, 1, 200, 400)
