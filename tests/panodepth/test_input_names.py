from collections.abc import Callable
from pathlib import Path

import pytest

from panodepth.input_names import PanoramaFile, tell_apart
from panodepth.panorama_files import find_panoramas

Save = Callable[..., Path]


def names(tmp_path: Path, *files: str) -> list[str]:
    """Give the names of inputs that are named one by one."""
    inputs = [PanoramaFile(tmp_path / file, (tmp_path / file).parent) for file in files]
    return [file.name for file in tell_apart(inputs)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["x/a.png", "x/b.png"], ["a", "b"]),
        (["x/a.png", "x/a.jpg"], ["a.png", "a.jpg"]),
        (["x/a.png", "y/a.png"], ["x/a", "y/a"]),
        (["a.png", "deep/er/a.png"], ["a", "deep/er/a"]),
        (["one/x/a.png", "two/x/a.png", "b.png"], ["one/x/a", "two/x/a", "b"]),
        (["x/a.png", "x/a.jpg", "y/a.png"], ["x/a", "a.jpg", "y/a"]),
        (
            ["x/a.png", "x/a.jpg", "y/a.png", "y/a.jpg"],
            ["x/a.png", "x/a.jpg", "y/a.png", "y/a.jpg"],
        ),
    ],
)
def test_each_input_has_a_name_of_its_own(
    tmp_path: Path, files: list[str], expected: list[str]
) -> None:
    assert names(tmp_path, *files) == expected


def test_outputs_stay_below_their_folder_however_a_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("x/here", "y"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x/here")
    files = [PanoramaFile(path, path.parent) for path in map(Path, ("../../y/a.png", "a.png"))]
    assert [file.name for file in tell_apart(files)] == ["y/a", "x/here/a"]


def test_what_two_links_lead_to_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to("x")
    files = [PanoramaFile(tmp_path / f / "a.png", tmp_path / f) for f in ("x", "link")]
    first, second = tell_apart(files)
    assert (first.name, first.problem) == ("a.png", "")
    assert second.problem == f"{tmp_path}/x/a.png is written as 'a.png' already: use another --out"


def test_it_is_told_in_a_line(save_panorama: Save, tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png", "x/b.png", "y/b.png", "x/c.png"):
        save_panorama(name)
    told: list[str] = []
    found = find_panoramas([tmp_path / "x", tmp_path / "y"], tell=told.append)
    assert [file.name for file in found] == ["x/a", "x/b", "c", "y/a", "y/b"]
    assert told == ["pictures of the same name, 4 of them: written as x/a, y/a"]
