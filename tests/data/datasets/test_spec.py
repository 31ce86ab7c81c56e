import pytest

from pano_data import datasets
from pano_data.datasets.spec import Skipped
from pano_data.errors import DataError, DatasetNotFoundError, UnknownDatasetError
from tests.data.datasets.trees import build


def test_unknown_data_set_names_the_known_ones():
    with pytest.raises(UnknownDatasetError) as caught:
        datasets.get("strucured3d")
    assert str(caught.value).startswith("unknown data set 'strucured3d', expected one of")
    assert "structured3d" in str(caught.value)


@pytest.mark.parametrize("name", datasets.names())
class TestEverySpec:
    def test_root_that_does_not_exist(self, name, tmp_path):
        spec = datasets.get(name)
        with pytest.raises(DatasetNotFoundError, match="does not exist") as caught:
            list(spec.rows(tmp_path / "no", spec.splits[0]))
        assert caught.value.parameter == "root"
        assert spec.access in caught.value.command

    def test_root_that_is_a_file(self, name, tmp_path):
        spec = datasets.get(name)
        (tmp_path / "root").write_text("")
        with pytest.raises(DatasetNotFoundError, match="is a file"):
            list(spec.rows(tmp_path / "root", spec.splits[0]))

    def test_empty_root(self, name, tmp_path):
        spec = datasets.get(name)
        for split in spec.splits:
            with pytest.raises(DatasetNotFoundError):
                list(spec.rows(tmp_path, split))

    def test_unknown_split(self, name, tmp_path):
        with pytest.raises(DataError, match="has no split 'dev'"):
            list(datasets.get(name).rows(tmp_path, "dev"))

    def test_published_counts_are_of_known_splits(self, name):
        spec = datasets.get(name)
        assert set(spec.counts) <= set(spec.splits)


BUILT_NAMES = ("structured3d", "dynamic_replica", "hypersim")
"""Layouts whose readers make the names of the images; the others list what is there."""
LISTED_IMAGES = ("deep360", "mvs_synth", "panosuncg")


@pytest.mark.parametrize(
    ("name", "lost"),
    [(name, "depth") for name in BUILT_NAMES + LISTED_IMAGES] + [(n, "image") for n in BUILT_NAMES],
)
def test_a_row_whose_file_is_not_there_is_left_out_with_its_name(name, lost, tmp_path):
    spec = build(name, tmp_path, views=2)
    split = "all" if "all" in spec.splits else spec.splits[0]  # without a list
    rows, none = spec.survey(tmp_path, split)
    assert none == []
    (tmp_path / getattr(rows[0], lost)).unlink()
    left, skipped = spec.survey(tmp_path, split)
    assert left == rows[1:]
    assert skipped == [Skipped(rows[0].image, f"{lost} missing")]
