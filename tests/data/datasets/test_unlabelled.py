import pytest

from pano_data.errors import DataError, DatasetNotFoundError
from tests.data.datasets.trees import build


def test_zind_needs_its_partition(tmp_path):
    spec = build("zind", tmp_path)
    assert [r.scene for r in spec.rows(tmp_path, "test")] == ["0002"]
    (tmp_path / "zind_partition.json").unlink()
    with pytest.raises(DatasetNotFoundError, match="zind_partition"):
        list(spec.rows(tmp_path, "test"))
    assert len(list(spec.rows(tmp_path, "all"))) == 3


@pytest.mark.parametrize("text", ["", "{}", '{"train": []'])
def test_a_damaged_partition(tmp_path, text):
    spec = build("zind", tmp_path)
    (tmp_path / "zind_partition.json").write_text(text)
    with pytest.raises(DataError, match="holds no homes of 'test'"):
        list(spec.rows(tmp_path, "test"))
