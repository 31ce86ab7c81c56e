import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_data import datasets
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import CameraOffset, WorldStudio
from tests.worlds.miniatures.test_writers import tree

CAMERA = pg.Equirectangular(16, 32)


@pytest.fixture(scope="module")
def studio():
    return WorldStudio("indoor", "structured3d", 1)


def test_equal_arguments_equal_pictures(studio):
    first = studio.shoot(0, 0, CAMERA)
    studio.shoot(1, 0, CAMERA)
    np.testing.assert_array_equal(first.rgb, studio.shoot(0, 0, CAMERA).rgb)


def test_scenes_seeds_and_data_sets_have_worlds_of_their_own(studio):
    others = [
        studio.shoot(1, 0, CAMERA),
        WorldStudio("indoor", "structured3d", 2).shoot(0, 0, CAMERA),
        WorldStudio("indoor", "stanford2d3d", 1).shoot(0, 0, CAMERA),
    ]
    here = studio.shoot(0, 0, CAMERA).distance
    assert all(np.abs(other.distance - here).mean() > 0.05 for other in others)


def test_a_turned_camera_sees_the_turned_room(studio):
    turn = pg.from_ypr(*torch.tensor((np.pi / 2, 0.0, 0.0)).double())
    turned = studio.shoot(0, 0, CAMERA, CameraOffset(rotation=turn.numpy()))
    here = studio.shoot(0, 0, CAMERA)
    # Looking right moves the picture left.
    difference = np.abs(np.roll(here.distance, -8, 1) - turned.distance)
    assert np.median(difference) < 1e-3


def test_a_step_moves_the_camera(studio):
    here, there = (
        studio.shoot(0, 0, CAMERA, CameraOffset(step=np.array(s))) for s in ((0, 0, 0), (0.1, 0, 0))
    )
    np.testing.assert_allclose(
        there.position - here.position, here.rotation @ np.array((0.1, 0, 0)), atol=1e-9
    )


def test_the_pipeline_default_is_worlds_and_readable(tmp_path):
    miniatures.write("stanford2d3d", tmp_path, scenes={"test": 1}, size=(32, 64))
    row = next(datasets.get("stanford2d3d").rows(tmp_path, "test"))
    label = read(row, tmp_path).label
    assert label.valid.mean() > 0.6
    assert 0.1 < np.median(label.distance[label.valid]) < 20


@pytest.mark.slow  # 9 s: two fresh interpreters
def test_bytes_do_not_depend_on_workers(tmp_path):
    for workers in (0, 2):
        miniatures.write(
            "structured3d",
            tmp_path / str(workers),
            scenes={"train": 3},
            size=(16, 32),
            workers=workers,
        )
    assert tree(tmp_path / "0") == tree(tmp_path / "2")


def test_pictures_look_into_the_room_not_at_the_nearest_wall():
    studio = WorldStudio("indoor", "hypersim", 3)
    camera = pg.Perspective.from_fov(12, 16, np.pi / 3)
    chosen, drawn = [], []
    for scene in range(6):
        chosen.append(np.median(studio.shoot(scene, 0, camera).distance))
        around = studio.shoot(scene, 0, pg.Equirectangular(24, 48)).distance
        drawn.append(np.median(around[9:15]))
    assert np.mean(chosen) > 1.3 * np.mean(drawn)
    assert max(chosen) < 13  # and not through the window
