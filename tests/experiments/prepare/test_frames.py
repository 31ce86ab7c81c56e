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


def test_a_video_that_is_done_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "in/a.avi", (64, 128))
    first = frames.extract(tmp_path / "in", tmp_path / "out", height=16)

    def opened(video: Path, every: float) -> None:
        raise AssertionError(f"{video} was opened")

    monkeypatch.setattr(frames, "frames", opened)
    assert frames.extract(tmp_path / "in", tmp_path / "out", height=16) == first == {"a": 3}
    with pytest.raises(AssertionError, match=r"a\.avi was opened"):  # the patch is seen at all
        frames.extract(tmp_path / "in", tmp_path / "out", every=1.0, height=16)


def times(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.jpg"))


def test_another_interval_makes_the_frames_anew(tmp_path: Path) -> None:
    """No frame of the first interval is left: 1.5 s is no multiple of 2 s."""
    film(tmp_path / "in/a.avi", (64, 128))
    folder = tmp_path / "out/images/a"
    frames.extract(tmp_path / "in", tmp_path / "out", height=16)
    assert times(folder) == [0, 2000, 4000]
    frames.extract(tmp_path / "in", tmp_path / "out", every=1.5, height=16)
    assert times(folder) == [0, 1500, 3000]
    frames.extract(tmp_path / "in", tmp_path / "out", every=1.5, height=32)
    assert read_rgb(folder / "000000000.jpg").shape == (32, 64, 3)


def test_another_video_of_the_same_name_makes_the_frames_anew(tmp_path: Path) -> None:
    film(tmp_path / "in/a.avi", (64, 128))
    frames.extract(tmp_path / "in", tmp_path / "out", height=16)
    film(tmp_path / "in/a.avi", (64, 128), count=15)
    assert frames.extract(tmp_path / "in", tmp_path / "out", height=16) == {"a": 1}


def test_a_killed_extraction_leaves_no_frame_of_its_interval(tmp_path: Path) -> None:
    film(tmp_path / "in/a.avi", (64, 128))
    folder = tmp_path / "out/images/a"
    frames.extract(tmp_path / "in", tmp_path / "out", every=1.5, height=16)
    (folder / frames.DONE).unlink()  # killed before its last line
    assert frames.extract(tmp_path / "in", tmp_path / "out", height=16) == {"a": 3}
    assert times(folder) == [0, 2000, 4000]


def test_frames_of_an_earlier_version_are_made_anew(tmp_path: Path) -> None:
    """It wrote an empty file: nobody knows with which interval."""
    film(tmp_path / "in/a.avi", (64, 128))
    frames.extract(tmp_path / "in", tmp_path / "out", every=0.5, height=16)
    (tmp_path / "out/images/a" / frames.DONE).write_text("")
    assert frames.extract(tmp_path / "in", tmp_path / "out", height=16) == {"a": 3}


def test_videos_of_one_name_in_two_containers_do_not_share_a_folder(tmp_path: Path) -> None:
    film(tmp_path / "in/a.avi", (64, 128))
    film(tmp_path / "in/a.mkv", (64, 128), count=15)
    first = frames.extract(tmp_path / "in", tmp_path / "out", height=16)
    assert first == {"a.avi": 3, "a.mkv": 1}
    assert times(tmp_path / "out/images/a.avi") == [0, 2000, 4000]


@pytest.mark.parametrize("words", [["absent", "out"], [".", "out", "--every", "0"]])
def test_what_is_no_folder_of_videos(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert frames.main(words) == 2
