"""Frames of 360° videos: one per interval, as panoramas that the reader of folders lists."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments.prepare import frames
from pano_data import datasets
from pano_data.io.images import read_rgb

RATE = 10


def film(path: Path, size: tuple[int, int], count: int = 45, rate: int = RATE) -> Path:
    """Frames whose grey is their number, twice as bright in the lower half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
    assert writer.isOpened()
    for number in range(count):
        frame = np.full((height, width, 3), 2 * number, np.uint8)
        frame[height // 2 :] *= 2
        writer.write(frame)
    writer.release()
    return path


def test_a_frame_every_two_seconds_becomes_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film(tmp_path / "in/city/walk.avi", (64, 128))
    film(tmp_path / "in/flat.avi", (48, 64))
    (tmp_path / "in/broken.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    assert frames.main([str(tmp_path / "in"), str(out), "--height", "32"]) == 0
    said = capsys.readouterr()
    assert said.out == "3 frames of 3 videos\n"
    assert [line.split(":")[0] for line in said.err.splitlines() if "no frame" in line] == [
        "broken", "flat",
    ]  # fmt: skip
    rows = list(datasets.get("dap2m_unlabelled").rows(out, "unlabelled"))
    keys = [f"city/walk/{1000 * s:09d}.jpg" for s in (0, 2, 4)]
    assert [row.key for row in rows] == keys
    assert {row.scene for row in rows} == {"city/walk"}  # a video is never divided
    pictures = [read_rgb(out / row.image) for row in rows]
    assert {p.shape for p in pictures} == {(32, 64, 3)}
    upper = [float(p[:10].mean()) for p in pictures]
    assert upper == pytest.approx([0, 2 * 20, 2 * 40], abs=3)


def test_of_a_stereo_video_the_upper_eye_is_taken(tmp_path: Path) -> None:
    film(tmp_path / "in/stereo.avi", (128, 128), count=11)
    assert frames.extract(tmp_path / "in", tmp_path / "out", every=1.0, height=32) == {"stereo": 2}
    picture = read_rgb(tmp_path / "out/images/stereo/000001000.jpg")
    assert picture.shape == (32, 64, 3)
    assert float(picture.mean()) == pytest.approx(20, abs=3)  # the lower eye has 40


def test_a_video_that_is_done_is_not_opened_again(tmp_path: Path) -> None:
    film(tmp_path / "in/a.avi", (64, 128))
    first = frames.extract(tmp_path / "in", tmp_path / "out", height=16)
    (tmp_path / "in/a.avi").write_bytes(b"gone")
    assert frames.extract(tmp_path / "in", tmp_path / "out", height=16) == first == {"a": 3}


@pytest.mark.parametrize("words", [["absent", "out"], [".", "out", "--every", "0"]])
def test_what_is_no_folder_of_videos(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert frames.main(words) == 2
