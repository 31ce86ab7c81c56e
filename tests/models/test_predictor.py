"""What predict writes and evaluate scores: sizes, the seam, and what is refused."""

import json
import warnings

import pytest
import torch
from torch import nn

import pano_models as pm
from pano_models.outputs import DISTANCE_METRIC, FAR_PROBABILITY


class Brightness(nn.Module):
    """Distance is brightness plus one, far is what is red: rolls with its input, at any size."""

    def __init__(self, far: bool = True) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.ones(1))
        self.far, self.seen = far, []

    def forward(self, rgb):
        self.seen.append((tuple(rgb.shape), rgb.dtype, torch.is_grad_enabled(), self.training))
        maps = {DISTANCE_METRIC: rgb.mean(1, keepdim=True) + self.offset}
        return {**maps, FAR_PROBABILITY: rgb[:, :1]} if self.far else maps


class Always(nn.Module):
    """Returns the same maps whatever it sees."""

    def __init__(self, **maps):
        super().__init__()
        self.maps = maps

    def forward(self, rgb):
        return self.maps


def panorama(height, width, batch=1):
    """A smooth picture with no seam: nothing finer than a quarter turn."""
    lon = (torch.arange(width) + 0.5) / width * 2 * torch.pi
    lat = (torch.arange(height) + 0.5) / height * torch.pi
    red = 0.5 + 0.4 * torch.sin(lat)[:, None] * torch.sin(lon)
    green = 0.5 + 0.4 * torch.sin(lat)[:, None] * torch.cos(2 * lon)
    blue = (lat / torch.pi)[:, None].expand(height, width)
    return torch.stack([red, green, blue]).expand(batch, 3, height, width).clone()


@pytest.fixture
def network():
    return Brightness()


class TestSizes:
    @pytest.mark.parametrize(
        "size", [(32, 64), (64, 128), (100, 200), (33, 65), (128, 64), (16, 96)]
    )
    def test_maps_come_back_at_the_size_of_the_input(self, size, network):
        maps = pm.Predictor(network, (32, 64))(panorama(*size, batch=2))
        assert maps.size == size
        assert {key: tuple(m.shape) for key, m in maps.maps.items()} == {
            DISTANCE_METRIC: (2, 1, *size),
            FAR_PROBABILITY: (2, 1, *size),
        }
        assert network.seen[0][0] == (2, 3, 32, 64)
        assert maps.working_size == (32, 64)

    def test_nothing_is_resized_at_the_working_size(self, network):
        rgb = panorama(32, 64)
        maps = pm.Predictor(network, (32, 64))(rgb)
        assert torch.equal(maps.values, rgb.mean(1, keepdim=True) + 1)

    @pytest.mark.parametrize("size", [(64, 128), (100, 200), (48, 97)])
    def test_a_smooth_picture_survives(self, size, network):
        rgb = panorama(*size)
        values = pm.Predictor(network, (32, 64))(rgb).values
        torch.testing.assert_close(values, rgb.mean(1, keepdim=True) + 1, atol=0.02, rtol=0)

    def test_another_size_is_asked_for(self, network):
        rgb = panorama(64, 128)
        maps = pm.Predictor(network, (32, 64))(rgb, size=(20, 40))
        assert maps.size == (20, 40)
        torch.testing.assert_close(
            maps.values, panorama(20, 40).mean(1, keepdim=True) + 1, atol=0.02, rtol=0
        )

    def test_a_stream_of_differing_sizes(self, network):
        sizes = [(64, 128), (20, 40), (33, 66), (32, 64), (50, 50)]
        predictor = pm.Predictor(network, (32, 64))
        stream = predictor.stream((panorama(*s)[0] for s in sizes), batch=2)
        out = list(stream)
        assert [m.size for m in out] == sizes
        assert [shape[0] for shape, *_ in network.seen] == [2, 2, 1]
        for size, maps in zip(sizes, out, strict=True):
            alone = predictor(panorama(*size))
            for key in alone.maps:
                assert torch.equal(maps.maps[key], alone.maps[key])

    def test_a_stream_reads_a_batch_at_a_time(self, network):
        read = []

        def panoramas():
            for i in range(4):
                read.append(i)
                yield panorama(32, 64)[0]

        stream = pm.Predictor(network, (32, 64)).stream(panoramas(), batch=2)
        next(stream)
        assert read == [0, 1]

    def test_maps_stay_small_until_they_are_asked_for(self, network):
        small = pm.Predictor(network, (32, 64)).at_working_size([panorama(64, 128)[0]] * 2)
        assert [m.size for m in small] == [(32, 64), (32, 64)]
        assert small[1].at((10, 20)).size == (10, 20)
        assert pm.Predictor(network, (32, 64)).at_working_size([]) == []


@pytest.mark.parametrize(
    ("size", "working", "columns"),
    [((64, 128), (32, 64), 2), ((64, 128), (32, 64), 50), ((48, 96), (64, 128), 3),
     ((40, 150), (32, 64), 75), ((128, 64), (32, 64), 7)],
)  # fmt: skip
def test_a_turn_of_the_panorama_turns_the_maps(size, working, columns, network):
    predictor, rgb = pm.Predictor(network, working), torch.rand(1, 3, *size)
    maps, turned = predictor(rgb), predictor(rgb.roll(columns, -1))
    for key in maps.maps:
        torch.testing.assert_close(
            turned.maps[key], maps.maps[key].roll(columns, -1), atol=1e-5, rtol=1e-5
        )


def test_far_is_thresholded_after_the_resize():
    low = torch.zeros(1, 1, 2, 4)
    low[..., 2:] = 0.9
    network = Always(distance_metric=torch.ones(1, 1, 2, 4), far_probability=low)
    maps = pm.Predictor(network, (2, 4))(torch.rand(1, 3, 4, 8))
    soft = maps.maps[FAR_PROBABILITY][0, 0, 0]
    assert len(soft.unique()) > 2  # the edge is not where the coarse pixels have it
    assert torch.equal(maps.far, maps.maps[FAR_PROBABILITY] > 0.5)
    assert maps.far.dtype == torch.bool


def test_far_is_nowhere_for_a_network_that_does_not_say():
    maps = pm.Predictor(Brightness(far=False), (32, 64))(panorama(32, 64))
    assert maps.far.shape == (1, 1, 32, 64)
    assert not maps.far.any()


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("distance_metric", "m"), ("distance_scale_invariant", "relative"),
     ("disparity_affine", "affine disparity")],
)  # fmt: skip
def test_kind_and_unit(kind, unit):
    maps = pm.Predictor(Always(**{kind: torch.ones(1, 1, 2, 4)}), (2, 4))(torch.rand(1, 3, 2, 4))
    assert (maps.kind, maps.unit) == (kind, unit)


class TestHowItRuns:
    def test_without_gradients_in_evaluation_mode(self, network):
        maps = pm.Predictor(network.train(), (32, 64))(panorama(64, 128))
        assert [tuple(seen[2:]) for seen in network.seen] == [(False, False)]
        assert not maps.values.requires_grad

    def test_where_the_network_is(self, network):
        predictor = pm.Predictor(network.to("meta"), (32, 64))
        assert predictor.device == torch.device("meta")
        assert pm.Predictor(Always(), (2, 4)).device == torch.device("cpu")
        moved = pm.Predictor(nn.Linear(2, 2), (2, 4), device="meta")
        assert next(moved.network.parameters()).device.type == "meta"

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_another_dtype_of_the_network(self, dtype, network):
        rgb = panorama(64, 128)
        expected = pm.Predictor(network, (32, 64))(rgb).values
        values = pm.Predictor(network.to(dtype), (32, 64))(rgb).values
        assert network.seen[-1][1] == dtype
        assert values.dtype == torch.float32
        torch.testing.assert_close(values, expected, atol=0.02, rtol=0)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_another_dtype_of_the_panorama(self, dtype, network):
        rgb = panorama(64, 128)
        predictor = pm.Predictor(network, (32, 64))
        values = predictor(rgb.to(dtype)).values
        assert values.dtype == torch.float32
        torch.testing.assert_close(values, predictor(rgb).values, atol=0.01, rtol=0)

    def test_bytes_are_what_they_stand_for(self, network):
        picture = (panorama(64, 128) * 255).round().to(torch.uint8)
        predictor = pm.Predictor(network, (32, 64))
        assert torch.equal(predictor(picture).values, predictor(picture.float() / 255).values)

    @pytest.mark.parametrize("name", ["da2", "dap"])
    def test_networks_of_ours(self, name, request):
        network = pm.create(name, **request.getfixturevalue(f"tiny_{name}"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the panorama reaches the network as it wants it
            maps = pm.Predictor(network, (64, 128))(panorama(50, 120))
        assert maps.size == (50, 120)
        assert (FAR_PROBABILITY in maps.maps) == (name == "dap")


class TestRefused:
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    @pytest.mark.parametrize("key", [DISTANCE_METRIC, FAR_PROBABILITY])
    def test_maps_that_are_not_finite(self, value, key):
        maps = {k: torch.ones(2, 1, 4, 8) for k in (DISTANCE_METRIC, FAR_PROBABILITY)}
        maps[key][1, 0, 2, 3] = value
        predictor = pm.Predictor(Always(**maps), (4, 8))
        line = rf"'{key}' with NaN or infinity in 1 of 32 pixels of panorama 2 of 2; expected"
        with pytest.raises(pm.PredictionError, match=line):
            predictor(torch.rand(2, 3, 4, 8))

    def test_a_network_that_says_nothing_of_distance(self):
        predictor = pm.Predictor(Always(score=torch.ones(1, 1, 4, 8)), (4, 8))
        with pytest.raises(pm.PredictionError, match=r"exactly one of .*, got keys \['score'\]"):
            predictor(torch.rand(1, 3, 4, 8))

    @pytest.mark.parametrize("shape", [(3, 4, 8), (1, 4, 4, 8), (1, 1, 4, 8), (1, 3, 0, 8)])
    def test_what_is_no_batch_of_panoramas(self, shape, network):
        with pytest.raises(ValueError, match=r"expected panoramas \(b, 3, h, w\), got \("):
            pm.Predictor(network, (4, 8))(torch.zeros(shape))

    def test_whole_numbers_other_than_bytes(self, network):
        with pytest.raises(ValueError, match=r"in \[0, 1\] or uint8, got torch\.int64"):
            pm.Predictor(network, (4, 8))(torch.ones(1, 3, 4, 8, dtype=torch.int64))

    def test_empty_batches(self, network):
        with pytest.raises(ValueError, match="batch is 0; expected at least 1"):
            next(pm.Predictor(network, (4, 8)).stream([], batch=0))


class TestLoad:
    def test_folder_at_the_size_of_its_training(self, tmp_path, tiny_da2):
        network = pm.create("da2", **tiny_da2)
        folder = pm.save(network, tmp_path / "da2", native_size=(56, 112))
        predictor = pm.Predictor(pm.load(folder))
        rgb = panorama(70, 140)
        assert predictor.size == (56, 112)
        expected = pm.Predictor(network, (56, 112))(rgb).values
        assert torch.equal(predictor(rgb).values, expected)
        assert pm.Predictor(pm.load(folder), (28, 56)).size == (28, 56)

    def test_published_checkpoint(self, tmp_path, tiny_dap):
        network = pm.create("dap", **tiny_dap, faithful=True)
        torch.save(pm.export_official(network), tmp_path / "dap.pth")
        # a small one: the published network's options are the default
        with pytest.raises(pm.CheckpointError, match="do not fit DAP"):
            pm.Predictor(pm.load(f"official:dap={tmp_path / 'dap.pth'}"))

    def test_training_that_was_never_run(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(pm.ModelNotFoundError, match="no folder runs/da2 here; train it first"):
            pm.Predictor(pm.load("runs/da2"))

    def test_folder_of_something_else(self, tmp_path):
        with pytest.raises(pm.ModelNotFoundError, match=r"no config\.json"):
            pm.Predictor(pm.load(tmp_path))
        (tmp_path / "config.json").write_text(json.dumps({"name": "da3", "config": {}}))
        with pytest.raises(pm.ModelNotFoundError, match="no model 'da3'"):
            pm.Predictor(pm.load(tmp_path))


class TestWorkingSize:
    def test_size_of_the_training_comes_first(self, tiny_da2):
        network = pm.create("da2", **tiny_da2, max_pixels=2 * 300 * 300)
        assert pm.working_size(network) == (300, 600)
        network.native_size = (64, 128)
        assert pm.working_size(network) == (64, 128)

    def test_published_network_at_the_size_it_was_evaluated_at(self, tiny_da2):
        network = pm.create("da2", **tiny_da2, faithful=True, max_pixels=620_000)
        assert pm.working_size(network) == (546, 1092)

    def test_network_whose_height_is_part_of_it(self):
        network = pm.create("hohonet", backbone="resnet18", width=0.25, height=64)
        assert pm.working_size(network) == (64, 128)

    def test_network_without_a_size(self, tiny_dap):
        assert pm.working_size(pm.create("dap", **tiny_dap)) == (512, 1024)
        assert pm.working_size(nn.Identity()) == (512, 1024)


@pytest.mark.parametrize("name", ["toaster", "cuda:99", "mps:7", "meta"])
def test_a_device_that_holds_no_numbers_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(ValueError, match=f"device {name} is not usable here") as told:
        pm.usable_device(name)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 200  # torch tells all its kinds, and pages of dispatch keys


def test_a_usable_device_is_returned() -> None:
    assert pm.usable_device("cpu") == torch.device("cpu")
