"""`da2_released` against numbers that DA2's released evaluator printed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from pano_losses import alignment, evaluate, protocols
from pano_losses.evaluation import score_images

HERE = Path(__file__).parent
RULES = protocols["da2_released"]
NAMES = {
    "abs_relative_difference": "absrel",
    "squared_relative_difference": "sqrel",
    "rmse_linear": "rmse",
    "rmse_log": "rmse_log",
    "log10": "log10",
    "delta1_acc": "delta1",
    "delta2_acc": "delta2",
    "delta3_acc": "delta3",
    "i_rmse": "irmse",
    "silog_rmse": "silog",
}
ALIGNMENTS = {
    "median": alignment.median,
    "least_square": alignment.least_squares_scale_shift,
    "metric": alignment.none,
}


def _map(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))[None, None]


def _functions():
    return dict(np.load(HERE / "da2_eval_functions.npz"))


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("median", alignment.median),
        ("lstsq", alignment.least_squares_scale_shift),
        ("noalign", alignment.none),
    ],
)
def test_alignment_clamp_and_metrics_agree(case, rule):
    z = _functions()
    found = evaluate(
        _map(z["pred"]), _map(z["gt"]), _map(z["mask"]) > 0, replace(RULES, alignment=rule)
    )
    for name, expected in zip(z["metric_names"], z[f"metrics_{case}_clipped"], strict=True):
        assert found[NAMES[name]] == pytest.approx(expected, rel=1e-6), name


def test_scales_agree():
    z = _functions()
    maps = _map(z["pred"]), _map(z["gt"]), _map(z["mask"]) > 0
    assert alignment.median(*maps).scale.item() == pytest.approx(z["median_scale"].item(), rel=1e-6)
    fit = alignment.least_squares_scale_shift(*maps)
    np.testing.assert_allclose(
        [fit.scale.item(), fit.shift.item()], z["lstsq_none_scale_shift"], rtol=1e-6
    )
    np.testing.assert_allclose(
        fit.apply(maps[0])[0, 0, 10].numpy(), z["lstsq_none_row10"], rtol=1e-6
    )


def test_an_empty_mask_makes_the_mean_nan_as_released():
    z = _functions()
    maps = [torch.cat([_map(z[k])] * 2) for k in ("pred", "gt", "mask")]
    maps[2][1] = 0
    found = evaluate(maps[0], maps[1], maps[2] > 0, "da2_released")
    assert np.isnan(list(found.values())).all()
    assert np.isfinite(list(evaluate(maps[0], maps[1], maps[2] > 0, "da2_paper").values())).all()


def _stub(rgb):
    """The stub model of the reference run behind the released resizing: mean colour + 0.25."""
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    large = interpolate(image, (546, 1092), mode="bilinear", antialias=True).round() / 255
    small = interpolate(
        0.25 + large.mean(1, keepdim=True), rgb.shape[:2], mode="bilinear", antialias=True
    )
    return small.double()


# In metres the files mean /512, /4000 and *10/255; `decoding` leads to the release's.
METRES = {
    "2d3ds": (1 / 512, "stanford2d3d"),
    "matterport3d": (1 / 4000, "matterport3d_unifuse"),
    "panosuncg": (10 / 255, "panosuncg"),
}


@pytest.mark.parametrize("rule", sorted(ALIGNMENTS))
@pytest.mark.parametrize("folder", sorted(METRES))
def test_the_whole_evaluation_agrees_from_files_in_metres(folder, rule):
    z = np.load(HERE / "da2_eval_pipeline.npz")
    unit, dataset = METRES[folder]
    for i in range(3):
        rgb = z[f"{folder}_{i}_rgb"]
        metres = _map(z[f"{folder}_{i}_depth"]) * unit
        # The release drops black pixels from the alignment if any channel is 0 anywhere.
        observed = torch.from_numpy(rgb.mean(-1) > 0)[None, None] | torch.tensor(
            not (rgb == 0).any()
        )
        scores = score_images(
            _stub(rgb),
            metres,
            metres > 0,
            replace(RULES, alignment=ALIGNMENTS[rule]),
            observed=observed,
            dataset=dataset,
        ).values(RULES)
        expected = z[f"{folder}_{rule}_per_image"][i]
        for name, value in zip(z["metric_names"], expected, strict=True):
            assert scores[NAMES[name]].item() == pytest.approx(value, rel=1e-6, abs=1e-6), (i, name)
