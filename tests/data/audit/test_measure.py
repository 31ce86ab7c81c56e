import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_data.audit.measure import panorama_planarity, planarity_residuals, preferred_reading
from pano_data.decode import Label
from pano_data.manifest import Row
from pano_data.reader import DecodedSample
from pano_worlds.miniatures import BoxStudio


def decoded(camera, projection, kind="distance", factor=1.0, noise=0.0):
    view = BoxStudio().shoot(0, 0, camera)
    rng = np.random.default_rng(0)
    distance = view.distance * factor * (1 + noise * rng.standard_normal(view.distance.shape))
    K = camera.intrinsics.double().numpy() if projection == "pinhole" else None
    row = Row(
        key="k", dataset="d", split="s", scene="s", image="i", depth="d", encoding="npy", kind=kind,
        projection=projection, intrinsics=None if K is None else tuple(K.ravel().tolist()),
    )  # fmt: skip
    valid = np.ones(distance.shape, bool)
    return DecodedSample(row, view.rgb, Label(distance.astype(np.float32), valid, ~valid), K, valid)


ERP = pg.Equirectangular(128, 256)
CASSINI = pg.Cassini(256, 128)
PINHOLE = pg.Perspective.from_fov(96, 128, 1.2)


@pytest.mark.parametrize(
    ("camera", "projection"), [(ERP, "erp"), (CASSINI, "cassini"), (PINHOLE, "pinhole")]
)
def test_exact_distances_are_flat(camera, projection):
    residuals = planarity_residuals(decoded(camera, projection))
    assert residuals["declared"] < 1e-6
    assert preferred_reading(residuals) == "declared"


def test_noise_of_a_real_sensor_does_not_hide_it():
    assert preferred_reading(planarity_residuals(decoded(ERP, "erp", noise=1e-3))) in (
        "declared",
        None,
    )
    assert planarity_residuals(decoded(ERP, "erp", noise=1e-3))["declared"] < 2e-3


@pytest.mark.parametrize("name", ["face z", "horizontal"])
def test_wrong_panoramas_are_recognised(name):
    rays = ERP.rays(dtype=torch.float64).numpy()
    factor = {"face z": np.abs(rays).max(-1), "horizontal": np.hypot(rays[..., 0], rays[..., 2])}
    assert preferred_reading(planarity_residuals(decoded(ERP, "erp", factor=factor[name]))) == name


def test_wrong_pinholes_are_recognised():
    along = PINHOLE.rays(dtype=torch.float64)[..., 2].numpy()
    assert (
        preferred_reading(planarity_residuals(decoded(PINHOLE, "pinhole", "distance", along)))
        == "z"
    )
    assert (
        preferred_reading(planarity_residuals(decoded(PINHOLE, "pinhole", "z", 1 / along)))
        == "distance"
    )


def test_too_little_to_say():
    sample = decoded(ERP, "erp")
    sample.label.valid[:] = False
    sample.label.valid[50:60] = True
    assert planarity_residuals(sample) == {}
    assert planarity_residuals(decoded(pg.Equirectangular(4, 8), "erp")) == {}


def test_one_map_is_judged_by_its_windows() -> None:
    rays = pg.Equirectangular(64, 128).rays(dtype=torch.float64)
    room = (torch.tensor([3.0, 1.5, 2.5]) / rays.abs()).amin(-1).numpy()
    everywhere = np.ones_like(room, np.bool_)
    flat = panorama_planarity(room, everywhere)
    curved = panorama_planarity(np.ones_like(room), everywhere)
    assert flat is not None
    assert curved is not None
    assert flat < 1e-3 < 3e-3 < curved
    assert panorama_planarity(5 * room, everywhere) == pytest.approx(flat, abs=1e-9)
    assert panorama_planarity(np.full_like(room, np.nan), ~everywhere) is None
