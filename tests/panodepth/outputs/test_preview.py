from pathlib import Path

import numpy as np
from PIL import Image

from panodepth.outputs.preview import (
    colourise_map,
    make_colour_scale,
    render_preview,
    write_preview,
)
from panodepth.prediction import MapKind, PredictedMap


def _ramp(kind: MapKind = "distance_metric", low: float = 1, high: float = 5) -> PredictedMap:
    values = np.linspace(low, high, 128, dtype=np.float32)[None].repeat(64, 0)
    everything = np.ones(values.shape, bool)
    return PredictedMap(kind, values, everything, ~everything)


def _redness(colours: np.ndarray) -> np.ndarray:
    return colours[..., 0].astype(int) - colours[..., 2]


def test_near_is_red_for_distance_and_for_disparity() -> None:
    ramp = _ramp()
    distance = colourise_map(ramp, make_colour_scale(ramp))
    assert _redness(distance[:, :8]).min() > 50
    assert _redness(distance[:, -8:]).max() < -50
    ramp = _ramp("disparity_affine")
    disparity = colourise_map(ramp, make_colour_scale(ramp))
    assert _redness(disparity[:, -8:]).min() > 50


def test_masked_and_far_have_colours_of_their_own() -> None:
    ramp = _ramp()
    ramp.valid[:4], ramp.far[-4:] = False, True
    colours = colourise_map(ramp, make_colour_scale(ramp))
    assert (colours[:4] == colours[0, 0]).all()
    assert (colours[-4:] == colours[-1, 0]).all()
    assert (colours[0, 0] != colours[-1, 0]).any()


def test_outliers_do_not_set_the_scale_and_wide_ranges_are_logarithmic() -> None:
    ramp = _ramp()
    ramp.values[0, 0] = 1e6
    scale = make_colour_scale(ramp)
    assert 4.5 < scale.vmax < 5.1
    assert scale(3.0) == (3.0 - scale.vmin) / (scale.vmax - scale.vmin)
    wide = make_colour_scale(_ramp(low=1, high=1000))
    middle = np.sqrt(wide.vmin * wide.vmax)
    assert abs(wide(middle) - 0.5) < 1e-6


def test_a_preview_stacks_panorama_and_map_beside_the_bar(tmp_path: Path) -> None:
    rgb = np.zeros((64, 128, 3), np.uint8)
    rgb[..., 1] = 200
    picture = render_preview(rgb, _ramp())
    assert picture.shape[0] == 640
    assert picture.shape[1] > 640 + 80
    assert (picture[:320, :640] == (0, 200, 0)).all()
    bar = picture[:, 640:]
    assert (bar.min(-1) < 60).sum() > 50  # the numbers beside the bar
    write_preview(tmp_path / "a.png", rgb, _ramp())
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (picture.shape[1], picture.shape[0])


def test_huge_maps_are_shrunk_and_empty_ones_drawn() -> None:
    values = np.ones((1500, 3000), np.float32)
    nothing = PredictedMap(
        "distance_metric", values, np.zeros(values.shape, bool), np.zeros(values.shape, bool)
    )
    assert render_preview(np.zeros((1500, 3000, 3), np.uint8), nothing).shape[0] == 2048
