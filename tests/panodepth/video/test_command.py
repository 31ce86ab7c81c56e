"""`panodepth video` as its users call it, read back by PyAV."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from panodepth.cli import main
from panodepth.errors import BadPanoramaError
from panodepth.outputs.records import load_prediction
from panodepth.video.files import VideoWriter, read_facts, read_frames
from tests.panodepth.conftest import box_distance

av = pytest.importorskip("av")
FRAMES = 9


class FlickeringRoom(nn.Module):
    """Answers every panorama with a box, at a scale that the picture's brightness decides."""

    key = "distance_scale_invariant"

    def __init__(self) -> None:
        super().__init__()
        self.native_size = (32, 64)

    def forward(self, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        scale = 0.5 + rgb.mean((1, 2, 3), keepdim=True)
        return {self.key: box_distance(*rgb.shape[-2:]).float() * scale}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, (64, 128), Fraction(10), {}) as writer:
        for i in range(FRAMES):
            writer.write(np.full((64, 128, 3), 60 + 80 * (i % 2), np.uint8))
    return path


@pytest.fixture
def room(monkeypatch) -> type[FlickeringRoom]:
    monkeypatch.setattr("pano_models.load", lambda model: FlickeringRoom())
    return FlickeringRoom


def read_exact(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    with av.open(str(path)) as container:
        notes = {key.lower(): value for key, value in container.metadata.items()}
        frames = [f.to_ndarray(format="gray16le") for f in container.decode(video=0)]
    return np.stack(frames), notes


def test_frames_come_in_order_with_their_times(clip):
    assert read_facts(clip)[:3] == (64, 128, Fraction(10))
    frames = list(read_frames(clip, every=2))
    assert [frame.number for frame in frames] == [0, 2, 4, 6, 8]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert all(abs(int(frame.rgb.mean()) - 60) < 4 for frame in frames)


def test_scale_is_held_and_the_flicker_is_told(clip, room, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["video", clip, "--out", out, "--device", "cpu", "--hold", "inf", "--frames", "npy"]
    assert main([*map(str, words)]) == 0
    report = json.loads((out / "clip_video.json").read_text())
    assert report["frames"] == FRAMES
    jump = np.log((0.5 + 140 / 255) / (0.5 + 60 / 255))
    assert report["flicker_before"]["scale_percent"] == pytest.approx(100 * jump, rel=0.05)
    assert report["flicker_after"]["scale_percent"] < 0.01
    assert "flicker of the scale" in capsys.readouterr().err
    steps, notes = read_exact(out / "clip_distance.mkv")
    assert steps.shape == (FRAMES, 32, 64)
    first = box_distance(32, 64).numpy() * (0.5 + 60 / 255)
    for frame in steps:
        np.testing.assert_allclose(frame * float(notes["scale"]), first, rtol=0.03)
    assert notes["unit"] == "relative"
    with av.open(str(out / "clip_depth.mp4")) as container:
        seen = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(seen) == FRAMES
    assert seen[0].shape == (128, 128, 3)  # the panorama above its map
    assert np.abs(seen[1][64:].astype(int) - seen[0][64:]).mean() < 3  # the colours stand still
    assert np.abs(seen[1][:64].astype(int) - seen[0][:64]).mean() > 50
    records = sorted((out / "frames").glob("*_prediction.json"))
    assert len(records) == FRAMES
    predicted = load_prediction(records[1]).values
    np.testing.assert_allclose(np.median(predicted), np.median(first), rtol=0.05)
    assert Path(json.loads(records[1].read_text())["source"]).is_file()


def test_without_hold_every_frame_keeps_its_scale(clip, room, tmp_path):
    words = ["video", clip, "--out", tmp_path, "--device", "cpu", "--hold", "0", "--every", "2"]
    assert main([*map(str, words)]) == 0
    report = json.loads((tmp_path / "clip_video.json").read_text())
    assert report["frames"] == 5
    assert report["hold_seconds"] is None
    assert set(report["factors"]) == {1.0}
    assert report["flicker_before"] == report["flicker_after"]
    assert read_facts(tmp_path / "clip_distance.mkv").rate == 5


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_of_a_video_that_was_cut_short_the_frames_before_are_written(
    container, room, tmp_path, capsys
):
    whole, cut = tmp_path / f"whole.{container}", tmp_path / f"cut.{container}"
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 128, 3), np.uint8)
    options = {"movflags": "faststart"} if container == "mp4" else {}  # its index comes first
    with av.open(str(whole), "w", options=options) as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for picture in noise:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    out = tmp_path / "out"
    for path, code in ((whole, 0), (cut, 2)):
        assert main(["video", str(path), "--out", str(out), "--device", "cpu"]) == code
    assert 10 < json.loads((out / "cut_video.json").read_text())["frames"] < 30
    assert (out / "cut_depth.mp4").is_file()
    told = " ".join(capsys.readouterr().err.split())
    assert told.endswith("the frames before are written")


def test_a_frame_that_cannot_be_decoded_ends_the_video_there(
    clip, room, tmp_path, monkeypatch, capsys
):
    def broken(path, every):
        yield from list(read_frames(path, every))[:5]
        raise BadPanoramaError("damaged from here on")

    monkeypatch.setattr("panodepth.video.command.read_frames", broken)
    assert main(["video", str(clip), "--out", str(tmp_path), "--device", "cpu"]) == 2
    assert json.loads((tmp_path / "clip_video.json").read_text())["frames"] == 5
    assert "damaged from here on; the frames before are written" in capsys.readouterr().err


def test_metric_distances_are_left_as_they_are(clip, room, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "key", "distance_metric")
    assert main(["video", str(clip), "--out", str(tmp_path), "--device", "cpu"]) == 0
    assert json.loads((tmp_path / "clip_video.json").read_text())["hold_seconds"] is None


def test_disparity_cannot_be_held(clip, room, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(room, "key", "disparity_affine")
    words = ["video", str(clip), "--out", str(tmp_path / "o"), "--device", "cpu", "--hold", "1"]
    assert main(words) == 2
    assert "--hold is for distances" in capsys.readouterr().err
    assert not list((tmp_path / "o").iterdir())


def test_what_is_no_panoramic_video_is_a_line(room, tmp_path, capsys):
    flat, text = tmp_path / "flat.mp4", tmp_path / "text.mp4"
    with VideoWriter(flat, (64, 96), Fraction(10), {}) as writer:
        writer.write(np.zeros((64, 96, 3), np.uint8))
    text.write_text("no video")
    picture = tmp_path / "room.jpg"
    picture.write_bytes(b"x")
    for path, expected in (
        (flat, "96x64"),
        (text, "cannot be read as a video"),
        (tmp_path / "missing.mp4", "cannot be read as a video: there is no such file"),
        (picture, f"is a picture: panodepth predict {picture}"),
    ):
        assert main(["video", str(path), "--out", str(tmp_path / "o"), "--device", "cpu"]) == 2
        told = capsys.readouterr().err
        assert expected in told
        assert "Traceback" not in told


def test_video_cut_short_is_named_and_leaves_no_half_file(clip, room, tmp_path, capsys):
    cut = tmp_path / "cut.mkv"
    with VideoWriter(cut, (64, 128), Fraction(10), {}) as writer:
        for i in range(50):
            noise = np.random.default_rng(i).integers(0, 65535, (64, 128)).astype(np.uint16)
            writer.write(noise)
    cut.write_bytes(cut.read_bytes()[:300_000])
    code = main(["video", str(cut), "--out", str(tmp_path / "o"), "--device", "cpu"])
    told = capsys.readouterr().err
    frames = sum(1 for _ in read_frames(cut)) if code == 0 else 0
    assert code == 2 or 0 < frames < 50
    assert "Traceback" not in told
    assert not list((tmp_path / "o").glob(".*part*"))


def test_predict_sends_videos_to_the_command_for_them(clip, capsys):
    assert main(["predict", str(clip)]) == 2
    assert f"panodepth video {clip}" in capsys.readouterr().err
