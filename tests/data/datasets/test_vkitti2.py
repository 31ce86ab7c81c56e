import math

import numpy as np
import pytest

from pano_data import datasets
from pano_data.datasets import vkitti2
from pano_data.decode import ray_lengths
from pano_data.errors import DataError
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_intrinsics_count_pixel_centres_from_zero(tmp_path):
    lines = "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n0 0 725.0087 725.0087 620.5 187\n"
    (tmp_path / "i.txt").write_text(lines)
    K = vkitti2.intrinsics(tmp_path / "i.txt", 0)
    assert K == (725.0087, 0, 621.0, 0, 725.0087, 187.5, 0, 0, 1)
    assert 2 * math.degrees(math.atan(621 / K[0])) == pytest.approx(81.1628, abs=1e-4)
    assert 2 * math.degrees(math.atan(187.5 / K[0])) == pytest.approx(29.0000, abs=1e-4)
    assert ray_lengths(K, 375, 1242)[0, 0] == pytest.approx(1.3412715, abs=1e-6)
    with pytest.raises(DataError, match="no intrinsics of camera 1"):
        vkitti2.intrinsics(tmp_path / "i.txt", 1)
    with pytest.raises(DataError, match="unpack vkitti_2"):
        vkitti2.intrinsics(tmp_path / "none.txt", 0)


def test_counts_follow_from_the_scenes():
    frames = {"Scene01": 447, "Scene02": 233, "Scene06": 270, "Scene18": 339, "Scene20": 837}
    total = sum(frames.values()) * len(vkitti2.VARIATIONS) * 2
    counts = datasets.get("vkitti2").counts
    assert counts["all"] == total == 42520
    assert counts["val"] == frames["Scene01"] * 20
    assert counts["train"] == total - counts["val"] == 33580


def test_splits_variations_and_separate_archives(tmp_path):
    spec = build("vkitti2", tmp_path / "one")
    rows = list(spec.rows(tmp_path / "one", "train"))
    assert len(rows) == 4  # clone and fog, two cameras
    assert {r.scene for r in spec.rows(tmp_path / "one", "val")} == {"Scene01"}
    left = list(spec.rows(tmp_path / "one", "all", variations=["clone"], cameras=[0]))
    assert len(left) == 2
    for part, keep in (("rgb", "rgb"), ("depth", "depth"), ("textgt", "none")):
        for path in sorted((tmp_path / "one").rglob("*.*")):
            inside = path.relative_to(tmp_path / "one")
            if keep in inside.parts or (part == "textgt" and path.suffix == ".txt"):
                target = tmp_path / "two" / f"vkitti_2.0.3_{part}" / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    split = list(spec.rows(tmp_path / "two", "train"))
    assert [r.key for r in split] == [r.key for r in rows]
    assert split[0].image.startswith("vkitti_2.0.3_rgb/Scene02")
    np.testing.assert_array_equal(
        read(split[0], tmp_path / "two").label.distance,
        read(rows[0], tmp_path / "one").label.distance,
    )
