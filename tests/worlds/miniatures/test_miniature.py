import pytest

from pano_data import DataError, datasets
from pano_data.curation.outpaint import SURROUNDINGS
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

PERSPECTIVE = (
    "dynamic_replica",
    "hypersim",
    "hypersim_processed",
    "ken_burns",
    "mvs_synth",
    "unrealstereo4k",
    "vkitti2",
)


@pytest.mark.parametrize("name", PERSPECTIVE)
def test_every_picture_has_one_and_no_reader_lists_it(name, tmp_path):
    spec = datasets.get(name)
    split = "train"
    options = {"scenes": {split: 2}, "views": 2, "size": (24, 32), "studio": BoxStudio()}
    miniatures.write(name, tmp_path / "without", **options)
    miniatures.write(name, tmp_path / "with", surroundings=(16, 32), **options)
    plain, rows = (list(spec.rows(tmp_path / folder, split)) for folder in ("without", "with"))
    assert [row.image for row in rows] == [row.image for row in plain]
    found = {p.relative_to(tmp_path / "with" / SURROUNDINGS).with_suffix("").as_posix()
             for p in (tmp_path / "with" / SURROUNDINGS).rglob("*.png")}  # fmt: skip
    assert found == {row.image.rsplit(".", 1)[0] for row in rows}
    assert not (tmp_path / "without" / SURROUNDINGS).exists()


def test_panoramas_have_no_surroundings(tmp_path):
    with pytest.raises(DataError, match="got surroundings, which only pictures have"):
        miniatures.write("structured3d", tmp_path, surroundings=(16, 32), studio=BoxStudio())
