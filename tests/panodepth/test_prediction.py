from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from panodepth.errors import CommandError
from panodepth.panoramas import BadPanoramaError, Panorama
from panodepth.prediction import choose_device, predict_batch

CPU = torch.device("cpu")


def _panorama(height: int, width: int, value: int = 100) -> Panorama:
    return Panorama(np.full((height, width, 3), value, np.uint8), np.ones((height, width), bool))


def test_maps_come_back_at_each_panoramas_size(
    box_room: nn.Module, box_map: Callable[[int, int], Tensor]
) -> None:
    sizes = [(64, 128), (100, 200), (33, 66)]
    panoramas = [_panorama(*s) for s in sizes]
    predictions = [
        m.at_size_of(p)
        for m, p in zip(predict_batch(box_room, panoramas, 128, CPU), panoramas, strict=True)
    ]
    assert box_room.seen == [(3, 3, 128, 256)]
    for size, prediction in zip(sizes, predictions, strict=True):
        truth = box_map(*size).numpy()
        assert prediction.values.shape == size
        assert np.median(np.abs(prediction.values / truth - 1)) < 0.01
        assert prediction.near.all()


def test_far_is_thresholded_after_resizing(box_room: nn.Module) -> None:
    panorama = _panorama(64, 128)
    panorama.rgb[:, 64:] = 250
    far = predict_batch(box_room, [panorama], 32, CPU)[0].at_size_of(panorama).far
    share = far.mean()
    assert 0.45 < share < 0.55
    assert far[:, 70:-6].all()


def test_a_network_that_fails_is_reported(box_room: nn.Module) -> None:
    red = _panorama(64, 128)
    red.rgb[:] = (255, 0, 0)
    with pytest.raises(BadPanoramaError, match="not finite"):
        predict_batch(box_room, [red], 64, CPU)


def test_unknown_maps_are_refused() -> None:
    class Segmenter(nn.Module):
        def forward(self, rgb: Tensor) -> dict[str, Tensor]:
            return {"classes": rgb[:, :1]}

    with pytest.raises(
        CommandError, match=r"returned \['classes'\], expected one of distance_metric"
    ):
        predict_batch(Segmenter(), [_panorama(32, 64)], 32, CPU)


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(CommandError, match="--device cuda:99 is not usable here"):
        choose_device("cuda:99")
    with pytest.raises(CommandError, match="--device toaster"):
        choose_device("toaster")
    assert choose_device("cpu") == CPU


@pytest.mark.gpu
def test_cuda_and_cpu_agree(box_room: nn.Module) -> None:
    panoramas = [_panorama(64, 128)]
    cuda = torch.device("cuda")
    on_cpu = predict_batch(box_room, panoramas, 64, CPU)[0].values
    linear = predict_batch(box_room.to(cuda), panoramas, 64, cuda)[0].values
    np.testing.assert_allclose(on_cpu, linear, rtol=1e-5)
