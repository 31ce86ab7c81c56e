"""Against numbers computed with the releases of DA² and DAP."""

from pathlib import Path

import numpy as np
import torch

import pano_geometry as pg
from pano_geometry.compat import da2, dap

REFERENCE = np.load(Path(__file__).with_name("da2_dap.npz"))


def reference(name: str) -> torch.Tensor:
    return torch.from_numpy(REFERENCE[name])


def test_da2_directions() -> None:
    assert (da2.rays(32, 64).permute(2, 0, 1) - reference("dirs_32x64")).abs().max() < 1e-6
    large = da2.rays(546, 1092).permute(2, 0, 1)
    assert (large[:, ::91, ::91] - reference("dirs_546x1092_step91")).abs().max() < 1e-6


def test_da2_directions_differ_from_the_sphere_only_by_the_rounding_of_the_angles() -> None:
    # (6.2832 - 2 pi) / 2 = 7.3e-6 rad at the border.
    plain = pg.Equirectangular(32, 64).rays()
    assert 1e-6 < (da2.rays(32, 64) - plain).abs().max() < 8e-6


def test_exported_points_and_normals_of_da2() -> None:
    points = da2.export_points(reference("pc_distance")[None, None])
    assert (points[0] - reference("pc_points")).abs().max() < 1e-6
    mask = reference("pc_mask")[None, None]
    normals, found = da2.normals_of_points(points, mask)
    assert (normals[0].permute(1, 2, 0) - reference("normals_raw")).abs().max() < 1e-5
    assert torch.equal(found[0, 0], reference("normals_mask"))
    everywhere, _ = da2.normals_of_points(points)
    difference = everywhere[0].permute(1, 2, 0) - reference("normals_raw_nomask")
    assert difference.abs().max() < 1e-5


def test_exported_points_and_normals_of_dap() -> None:
    rng = np.random.Generator(np.random.PCG64(1002))
    distance = torch.from_numpy(rng.uniform(0.5, 5.0, (2, 24, 48)).astype(np.float32))
    mask = torch.from_numpy(rng.random((24, 48)) > 0.2)[None, None]
    points = da2.export_points(distance[:, None])
    assert (points - reference("dap_points")).abs().max() < 1e-5
    normals, found = da2.normals_of_points(points[:1], mask)
    picture = da2.picture_normals(normals)[0].permute(1, 2, 0)
    expected = reference("dap_normal_mask")
    assert torch.equal(found[0, 0], expected)
    assert (picture - reference("dap_normal"))[expected].abs().max() < 1e-5


def test_cassini_as_dap_reads_it() -> None:
    rng = np.random.Generator(np.random.PCG64(1003))
    rgb = torch.from_numpy(rng.integers(0, 256, (64, 32, 3), np.uint8))
    depth = torch.from_numpy(rng.uniform(1, 90, (64, 32)).astype(np.float32))
    erp = dap.cassini_to_erp(rgb.permute(2, 0, 1)[None])
    assert torch.equal(erp[0].permute(1, 2, 0), reference("cassini_rgb"))
    got = dap.cassini_to_erp(depth[None, None])[0, 0]
    assert (got - reference("cassini_depth")).abs().max() < 1e-3


def test_exact_cassini_agrees_with_the_release_up_to_its_half_pixel() -> None:
    smooth = pg.Cassini(64, 32).rays().permute(2, 0, 1)[None]
    exact = pg.resample(smooth, pg.Cassini(64, 32), pg.Equirectangular(32, 64))
    released = dap.cassini_to_erp(smooth)
    truth = pg.Equirectangular(32, 64).rays().permute(2, 0, 1)[None]
    assert (exact - truth).abs().max() < 5e-3
    assert 0.02 < (released - truth).abs().max() < 0.1
