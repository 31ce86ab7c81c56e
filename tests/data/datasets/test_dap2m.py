import numpy as np

from pano_data import datasets
from pano_data.io.encode import write_npy
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_all_kinds_of_folders(tmp_path):
    spec = build("dap2m_labelled", tmp_path, views=2)
    rows = list(spec.rows(tmp_path, "train"))
    assert len(rows) == 8
    assert len({r.scene for r in rows}) == 4
    assert {r.depth.split("/")[1] for r in rows} == {
        "erp_distance_npy", "nyc_distance_panorama_npy", "distance_part1_panorama_npy",
    }  # fmt: skip


def test_the_test_set_is_a_list(tmp_path):
    spec = build("dap_test", tmp_path, views=2)
    assert len(list(spec.rows(tmp_path, "test"))) == 8
    lines = (tmp_path / "instadata_list_test.txt").read_text().splitlines()
    (tmp_path / "instadata_list_test.txt").write_text("\n".join(lines[:3]))
    assert len(list(spec.rows(tmp_path, "test"))) == 3


def test_a_hundred_metres_and_more_is_far(tmp_path):
    spec = build("dap2m_labelled", tmp_path)
    row = next(spec.rows(tmp_path, "train"))
    distance = np.full((32, 64), 99.5, np.float32)
    distance[0], distance[1] = 100, 1e9
    write_npy(tmp_path / row.depth, distance)
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.far.all(1), np.arange(32) < 2)
    assert label.valid[2:].all()


def test_training_leaves_the_test_images_out(tmp_path, caplog):
    build("dap_test", tmp_path, views=2)
    listed = (tmp_path / "instadata_list_test.txt").read_text().splitlines()
    (tmp_path / "instadata_list_test.txt").write_text("\n".join(listed[:3]) + "\n")
    test = {row.image for row in datasets.get("dap_test").rows(tmp_path, "test")}
    train = {row.image for row in datasets.get("dap2m_labelled").rows(tmp_path, "train")}
    assert (len(test), len(train)) == (3, 5)
    assert not test & train
    assert "3 left out: belongs to DAP-Test" in caplog.text
    (tmp_path / "instadata_list_test.txt").unlink()
    assert len(list(datasets.get("dap2m_labelled").rows(tmp_path, "train"))) == 8
    assert "cannot be told from those to train on" in caplog.text
