"""A perspective oracle that knows the room must become a perfect panoramic model."""

import math

import pytest
import torch
from torch import nn

import pano_geometry as pg
from pano_models import create, load, save
from pano_models.fusion_baseline import FusionBaseline, ViewRig, fit_views
from pano_models.teachers.teacher import DEPTH_METRIC

FAR = 5.0


def room(height: int) -> torch.Tensor:
    """Distance (1, 1, h, w) to the walls of a box, camera off centre."""
    rays = pg.Equirectangular(height, 2 * height).rays()
    walls = [(1.5, 2.0), (1.2, 1.0), (2.5, 1.8)]  # metres ahead and behind along x, y, z
    hits = [
        torch.where(rays[..., i] > 0, ahead, behind) / rays[..., i].abs().clamp(min=1e-6)
        for i, (ahead, behind) in enumerate(walls)
    ]
    return torch.stack(hits).amin(0)[None, None]


class Oracle(nn.Module):
    """Reads distance / FAR off red; tells disparity up to a scale and shift of its own per view."""

    def __init__(self, rig: ViewRig, scale=(1.0, 1.0), shift=(0.0, 0.0), metric=False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        n = len(rig.rotations)
        draw = torch.rand(2, n, 1, 1, 1, generator=generator)
        self.scale = scale[0] + (scale[1] - scale[0]) * draw[0]
        self.shift = shift[0] + (shift[1] - shift[0]) * draw[1]
        self.rig, self.metric = rig, metric

    def forward(self, views: torch.Tensor) -> dict[str, torch.Tensor]:
        depth = views[:, :1] * FAR * self.rig.cosine(views)
        repeat = len(views) // len(self.scale)
        scale, shift = self.scale.repeat(repeat, 1, 1, 1), self.shift.repeat(repeat, 1, 1, 1)
        if self.metric:
            return {"disparity_affine": 1 / depth, DEPTH_METRIC: depth * scale}
        return {"disparity_affine": scale / depth + shift}


TRUTH = room(128)
RGB = (TRUTH / FAR).expand(-1, 3, -1, -1)
RIGS = {"cube": ViewRig.cube(96), "tangents": ViewRig.tangents(96)}


def relative_error(prediction: torch.Tensor, truth: torch.Tensor) -> float:
    """Median relative error after the best factor."""
    factor = (truth / prediction).median()
    return ((prediction * factor / truth) - 1).abs().mean().item()


class TestViewRig:
    @pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
    def test_sees_the_whole_sphere(self, rig):
        seen = torch.zeros(1, 1, 64, 128, dtype=torch.bool)
        for rotation in rig.rotations:
            ones = torch.ones(1, 1, *rig.camera.size)
            seen |= pg.perspective_to_erp(ones, rig.camera, rotation[None], 64, 128)[1]
        assert seen.all()

    def test_cosine_of_the_corner(self):
        rig = ViewRig.cube(200, fov_deg=90)
        cosine = rig.cosine(torch.zeros(()))
        assert cosine[100, 100].item() == pytest.approx(1, abs=1e-4)
        assert cosine[0, 0].item() == pytest.approx(1 / math.sqrt(3), abs=5e-3)

    def test_cut(self):
        views = RIGS["cube"].cut(RGB)
        assert views.shape == (1, 6, 3, 96, 96)
        # the front view's middle looks along +z: 2.5 m to the wall
        assert views[0, 0, 0, 47:49, 47:49].mean().item() * FAR == pytest.approx(2.5, abs=5e-3)

    def test_unknown_kind(self):
        with pytest.raises(ValueError, match="rig kind is 'ring'"):
            ViewRig.build("ring", size=32)


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
class TestFusionBaseline:
    def test_metric_model_is_blended_to_metres(self, rig):
        out = FusionBaseline(Oracle(rig, metric=True), rig, fusion="blend")(RGB)
        assert list(out) == ["distance_metric"]
        error = (out["distance_metric"] / TRUTH - 1).abs()
        assert error.mean() < 3e-3

    @pytest.mark.parametrize("fusion", ["scale", "gradients"])
    def test_metric_model_with_drifting_scale(self, rig, fusion):
        oracle = Oracle(rig, scale=(0.7, 1.4), metric=True)
        out = FusionBaseline(oracle, rig, fusion=fusion)(RGB)
        assert list(out) == ["distance_scale_invariant"]
        assert relative_error(out["distance_scale_invariant"], TRUTH) < 1e-2
        blended = FusionBaseline(oracle, rig, fusion="blend")(RGB)["distance_metric"]
        assert relative_error(blended, TRUTH) > 3e-2

    def test_affine_disparity_of_every_view_is_recovered(self, rig):
        oracle = Oracle(rig, scale=(0.6, 1.5), shift=(-0.1, 0.4))
        out = FusionBaseline(oracle, rig, fusion="affine")(RGB)
        assert list(out) == ["disparity_affine"]
        assert relative_error(out["disparity_affine"], 1 / TRUTH) < 1e-2
        blended = FusionBaseline(oracle, rig, fusion="blend")(RGB)["disparity_affine"]
        assert relative_error(blended, 1 / TRUTH) > 0.1

    def test_fit_undoes_scale_and_shift(self, rig):
        oracle = Oracle(rig, scale=(0.6, 1.5), shift=(-0.1, 0.4))
        disparity = oracle(rig.cut(RGB).flatten(0, 1))["disparity_affine"][None]
        fit = fit_views(disparity, rig.cosine(RGB), rig)[0]
        # a view of nothing but the ceiling is flat: there scale and shift are one unknown
        varied = disparity[0].flatten(1).std(-1) / oracle.scale.flatten() > 0.01
        assert varied.sum() >= 4
        scale = (fit[:, 0] * oracle.scale.flatten())[varied]
        shift = (fit[:, 1] + fit[:, 0] * oracle.shift.flatten())[varied]
        torch.testing.assert_close(scale, scale.mean().expand_as(scale), rtol=1e-2, atol=0)
        assert shift.abs().max() < 1e-2 * scale.mean()

    def test_noise_does_not_collapse_the_scales(self, rig):
        oracle = Oracle(rig, scale=(0.6, 1.5), shift=(-0.1, 0.4))
        clean = oracle(rig.cut(RGB).flatten(0, 1))["disparity_affine"][None]
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        fit = fit_views(clean * (1 + 0.05 * noise), rig.cosine(RGB), rig)[0]
        scale = fit[:, 0] * oracle.scale.flatten()
        varied = clean[0].flatten(1).std(-1) / oracle.scale.flatten() > 0.05
        assert varied.sum() >= 4
        assert (scale[varied] / scale[varied].median() - 1).abs().max() < 0.5

    def test_batch_entries_do_not_meet(self, rig):
        model = FusionBaseline(Oracle(rig, shift=(0.0, 0.3)), rig)
        both = model(torch.cat([RGB, RGB.roll(50, -1)]))["disparity_affine"]
        torch.testing.assert_close(both[:1], model(RGB)["disparity_affine"], atol=1e-4, rtol=1e-4)


CONFIG = {
    "perspective": {"name": "perspective_vit", "config": {"features": 16}},
    "rig": {"kind": "tangents", "size": 32, "count": 12},
    "fusion": "blend",
}


class TestFromConfiguration:
    @torch.no_grad()
    def test_round_trip_through_a_folder(self, tmp_path):
        model = create("fusion_baseline", **CONFIG).eval()
        rgb = torch.rand(1, 3, 64, 128)
        save(model, tmp_path)
        out = load(tmp_path)(rgb)["disparity_affine"]
        assert out.shape == (1, 1, 64, 128)
        assert torch.equal(out, model(rgb)["disparity_affine"])

    @torch.no_grad()
    def test_batches_of_views_change_nothing(self):
        model = create("fusion_baseline", **CONFIG).eval()
        rgb = torch.rand(2, 3, 64, 128)
        whole = model(rgb)["disparity_affine"]
        model.max_batch = 5
        torch.testing.assert_close(model(rgb)["disparity_affine"], whole, atol=1e-5, rtol=1e-5)

    def test_unknown_fusion(self):
        with pytest.raises(ValueError, match="fusion is 'median'"):
            create("fusion_baseline", **{**CONFIG, "fusion": "median"})

    def test_input_is_checked_like_every_networks(self):
        model = create("fusion_baseline", **CONFIG).eval()
        with pytest.raises(ValueError, match="drop an alpha channel"):
            model(torch.rand(1, 4, 64, 128))
        with pytest.warns(UserWarning, match="divide uint8 values by 255"):
            model(torch.rand(1, 3, 64, 128) * 255)
