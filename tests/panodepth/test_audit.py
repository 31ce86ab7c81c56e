import json
from pathlib import Path

import pytest

from pano_worlds import miniatures
from panodepth.cli import main


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("s3d")
    miniatures.write(
        "structured3d", root, seed=0, scenes={"train": 2, "val": 1, "test": 1}, size=(64, 128)
    )
    return root


def test_a_whole_data_set_passes(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "audit.json"
    words = ["audit", "structured3d", str(miniature), "--samples", "3", "--out", str(out)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("structured3d at ")
    assert ": ok" in text
    report = json.loads(out.read_text())
    assert report["ok"] is True
    assert report["opened"] == 3
    assert report["sizes"] == {"64x128": 3}


def test_damaged_files_fail_it(miniature: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in miniature.rglob("depth.png"):
        path.write_bytes(path.read_bytes()[:200])
    assert main(["audit", "structured3d", str(miniature)]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "corrupt" in out


def test_bad_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "structured3d", str(tmp_path)]) == 2
    assert main(["audit", "nothing3d", str(tmp_path)]) == 2
    assert "nothing3d" in capsys.readouterr().err
    assert main(["audit", "structured3d", str(tmp_path), "--samples", "0"]) == 2
