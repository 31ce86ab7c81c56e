"""One analytic room through the layout, encoding and camera of every data set: same distances."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_data import datasets
from pano_data.reader import read, to_tensors
from pano_data.sample import validate_sample
from pano_worlds import miniatures
from pano_worlds.miniatures import NO_OFFSET, BoxStudio, CameraOffset

UNITS = {  # distance of the reader over metres, where it is not 1
    "ken_burns": 100 / 1000,
    "da2_eval_stanford2d3d": 512 / 1000,
    "da2_eval_matterport3d": 4000 / 2560,
    "da2_eval_panosuncg": 25.5 / 20,
}
STEP = {  # half a quantisation step in metres, relative error of floats
    "panosuncg": (0.0197, 0),
    "da2_eval_panosuncg": (0.0197, 0),
    "stanford2d3d": (1e-3, 0),
    "da2_eval_stanford2d3d": (1e-3, 0),
    "vkitti2": (5.1e-3 * 1.35, 0),
    "helvipad": (2e-3, 0),
    "da360_metropolis": (1e-3, 0),
    "zuripano": (1.6e-3, 0),
    "deep360": (0.02, 0.05),  # one pixel of a coarse map
    "hypersim": (0, 5e-4),
    "dynamic_replica": (0, 5e-4),
}
LABELLED = [name for name in miniatures.names() if datasets.get(name).kind != "none"]
SKY_IS_FAR = {
    "vkitti2", "mvs_synth", "ken_burns", "deep360", "dap2m_labelled", "dap_test", "panocarla",
}  # fmt: skip
SEEN = {"helvipad": 512 / 960 / 2}
"""Share of a panorama that has labels, where it is not all of it: every second pixel of a band."""


@dataclasses.dataclass(frozen=True)
class OneRoom(BoxStudio):
    """All scenes and viewpoints are the same place."""

    def shoot(self, scene, viewpoint, camera, pose=NO_OFFSET):
        return super().shoot(0, 0, camera, pose)


def camera_of(row, sample):
    height, width = sample.label.distance.shape
    if sample.intrinsics is None:
        return pg.Equirectangular(height, width)
    return pg.Perspective.from_intrinsics(height, width, torch.from_numpy(sample.intrinsics))


def poses(name):
    """Where cameras of a data set may stand and look."""
    steps = [(0, 0, 0)]
    if name in ("vkitti2", "unrealstereo4k", "dynamic_replica"):
        steps.append(({"vkitti2": 0.532725, "unrealstereo4k": 0.35}.get(name, 0.1), 0, 0))
    if name == "ken_burns":
        steps += [(0.2, 0, 0), (0, 0.2, 0), (0.2, 0.2, 0)]
    rotations = [np.eye(3)]
    if name == "matterport3d_raw":
        angles = [
            (math.pi / 3 * yaw, math.radians(tilt), 0) for tilt in (30, 0, -30) for yaw in range(6)
        ]
        rotations = [pg.from_ypr(*torch.tensor(a).double()).numpy() for a in angles]
    return [CameraOffset(rotation=r, step=np.array(s, float)) for r in rotations for s in steps]


def errors(name, row, sample, studio):
    """Largest error over the tolerance, and whether the sky is where it should be."""
    camera, best = camera_of(row, sample), None
    absolute, relative = STEP.get(name, (6e-4, 1e-6))
    for pose in poses(name):
        truth = studio.shoot(0, 0, camera, pose)
        error = np.abs(sample.label.distance / UNITS.get(name, 1.0) - truth.distance)
        excess = (error - absolute - relative * truth.distance)[sample.label.valid]
        if best is None or excess.mean() < best[0].mean():
            best = excess, truth.sky
    return best


@pytest.fixture(scope="module", params=LABELLED)
def tree(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    studio = OneRoom(open_top=True)
    views = 1 if request.param == "matterport3d_raw" else 2  # each has 18 pictures there
    miniatures.write(request.param, root, views=views, studio=studio)
    spec = datasets.get(request.param)
    rows = {split: list(spec.rows(root, split)) for split in _splits(spec)}
    return spec, root, studio, [row for part in rows.values() for row in part]


def _splits(spec):
    return [split for split in spec.splits if split in ("train", "val", "test", "out_test")]


def test_distances_are_those_of_the_room(tree):
    spec, root, studio, rows = tree
    seen = set()
    for row in rows:
        sample = read(row, root)
        excess, sky = errors(spec.name, row, sample, studio)
        # Nearest sampling of Cassini maps moves edges by a pixel.
        assert (excess > 0).mean() < (0.12 if spec.projection == "cassini" else 1e-9), row.key
        assert not (sample.label.valid & sky).any() or spec.projection == "cassini"
        if spec.name in SKY_IS_FAR and spec.projection != "cassini":
            np.testing.assert_array_equal(sample.label.far, sky)
        seen.add(row.key)
    assert len(seen) == len(rows)


def test_rows_say_what_the_spec_says(tree):
    spec, root, _, rows = tree
    for row in rows:
        assert (row.dataset, row.projection, row.kind, row.metric) == (
            spec.name,
            spec.projection,
            spec.kind,
            spec.metric,
        )
        assert row.label == "ground_truth"
        validate_sample(to_tensors(read(row, root, (24, 48))))


def test_nearly_everything_is_valid(tree):
    """Masks that swallow the picture would make any distance right."""
    spec, root, studio, rows = tree
    for row in rows:
        sample = read(row, root)
        _, sky = errors(spec.name, row, sample, studio)
        assert sample.label.valid[~sky].mean() > 0.65 * SEEN.get(spec.name, 1.0), row.key
