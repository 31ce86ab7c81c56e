from tests.data.datasets.trees import build


def test_windows_lists_and_rolled_copies(tmp_path):
    spec = build("threed60", tmp_path, views=2)
    assert "\\" in (tmp_path / "splits/v1/3D60_test.txt").read_text()  # as the release has it
    rows = list(spec.rows(tmp_path, "test"))
    assert len(rows) == 2
    assert all("Left_Down_0.0" in r.image for r in rows)
    assert len(list(spec.rows(tmp_path, "all"))) == 6  # rolled copies are the same pictures


def test_other_viewpoints_are_an_option(tmp_path):
    spec = build("threed60", tmp_path)
    rows = list(spec.rows(tmp_path, "all", views=("Left_Down", "Right", "Up")))
    assert len(rows) == 9
    assert len(list(spec.rows(tmp_path, "test", views=("Left_Down", "Right", "Up")))) == 3
