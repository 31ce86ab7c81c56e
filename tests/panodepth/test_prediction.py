from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pano_models
from pano_data import Picture
from pano_models import Predictor
from panodepth.cli import main
from panodepth.errors import CommandError
from panodepth.prediction import PredictedMap, choose_device, load_predictor, to_predictor

CPU = torch.device("cpu")


def _panorama(height: int, width: int, value: int = 100) -> Picture:
    return Picture(np.full((height, width, 3), value, np.uint8), np.ones((height, width), bool))


def test_maps_come_back_at_each_panoramas_size(
    box_room: nn.Module, box_map: Callable[[int, int], Tensor]
) -> None:
    sizes = [(64, 128), (100, 200), (33, 66)]
    panoramas = [_panorama(*s) for s in sizes]
    small = Predictor(box_room, (128, 256)).at_working_size([p.tensor for p in panoramas])
    predictions = [PredictedMap.from_network(m, p) for m, p in zip(small, panoramas, strict=True)]
    assert box_room.seen == [(3, 3, 128, 256)]
    for size, prediction in zip(sizes, predictions, strict=True):
        truth = box_map(*size).numpy()
        assert prediction.values.shape == size
        assert np.median(np.abs(prediction.values / truth - 1)) < 0.01
        assert prediction.near.all()
        assert prediction.working_height == 128


def test_far_is_thresholded_after_resizing(box_room: nn.Module) -> None:
    panorama = _panorama(64, 128)
    panorama.rgb[:, 64:] = 250
    maps = Predictor(box_room, (32, 64)).at_working_size([panorama.tensor])[0]
    far = PredictedMap.from_network(maps, panorama).far
    share = far.mean()
    assert 0.45 < share < 0.55
    assert far[:, 70:-6].all()


def test_a_downsampled_map_holds_measured_values(box_map: Callable[[int, int], Tensor]) -> None:
    values = box_map(64, 128).numpy()
    nothing = np.zeros(values.shape, bool)
    nothing[:20] = True
    small = PredictedMap("distance_metric", values, ~nothing, nothing, 32).downsample(32)
    assert small.values.shape == small.far.shape == (16, 32)
    assert np.isin(small.values, values).all()
    assert (small.far[:5].all(), small.far[5:].any()) == (True, False)
    assert (small.valid == ~small.far).all()
    assert small.downsample(32) is small


def test_the_working_size_is_that_of_the_training_unless_it_is_given(tmp_path: Path) -> None:
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.125)
    folder = str(pano_models.save(network, tmp_path / "model", (64, 128)))
    assert load_predictor(folder, "cpu").size == (64, 128)
    assert load_predictor(folder, "cpu", 32).size == (32, 64)


def test_a_model_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="no folder runs/nothing here; train it first"):
        load_predictor("runs/nothing", "cpu")
    with pytest.raises(CommandError, match="cannot be loaded"):
        load_predictor(str(tmp_path), "cpu")


def test_a_working_height_without_a_view_is_refused_wherever_it_is_given(
    box_room: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="--height is 7, expected at least 16"):
        to_predictor(box_room, "cpu", 7)
    assert main(["view", "--height", "0"]) == 2
    assert capsys.readouterr().err == "panodepth view: --height is 0, expected at least 16 pixels\n"


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(CommandError, match="--device cuda:99 is not usable here"):
        choose_device("cuda:99")
    with pytest.raises(CommandError, match="--device toaster"):
        choose_device("toaster")
    assert choose_device("cpu") == CPU


@pytest.mark.gpu
def test_cuda_and_cpu_agree(box_room: nn.Module) -> None:
    panorama = _panorama(64, 128).tensor
    on_cpu = Predictor(box_room, (64, 128), "cpu").at_working_size([panorama])[0]
    on_gpu = Predictor(box_room, (64, 128), "cuda").at_working_size([panorama])[0]
    torch.testing.assert_close(on_gpu.values.cpu(), on_cpu.values, rtol=1e-5, atol=0)
