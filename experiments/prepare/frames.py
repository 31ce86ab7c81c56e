"""`python -m experiments.prepare.frames VIDEOS OUT [--every S] [--height H]`: frames of videos.

DAP's unlabelled panoramas are frames of web videos, Depth Anywhere's those of SpatialAudioGen;
neither says how they were cut. Here: a frame every `every` seconds, as JPEG of `2H x H`, at
`OUT/images/<video>/<seconds * 1000>.jpg`, which `dap2m_unlabelled` and `folder` read. Of a stereo
video (one eye above the other, so square) the upper eye is taken. A video that is done with these
options is not opened again; where an option or the size of its file has changed, its frames are
made anew. One that cannot be read is said, and is no error.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data import track, write_json
from pano_data.io.encode import write_jpeg

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi")
DONE = ".done"
"""Beside the frames of a video: what they were made with, written last."""
EVERY_S = 2.0
"""A guess: 250,000 videos gave DAP about 7 frames each (section 3)."""


def frames(video: Path, every: float = EVERY_S) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield seconds and picture `(h, w, 3)` of the first frame in each interval.

    Args:
        video: File.
        every: Seconds between frames.
    """
    capture = cv2.VideoCapture(str(video))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS) or 30.0  # a stream that does not say
        number, due = 0, 0.0
        while capture.grab():
            if number / rate >= due - 1e-6:
                read, frame = capture.retrieve()
                if read:
                    yield (
                        number / rate,
                        np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8),
                    )
                due += every
            number += 1
    finally:
        capture.release()


def panorama_of(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8] | None:
    """Return a frame as a panorama of `height` rows; None if it is neither 2:1 nor square."""
    rows, columns = frame.shape[:2]
    if abs(columns - rows) < 0.02 * rows:
        frame = frame[: rows // 2]  # the upper eye
    elif abs(columns - 2 * rows) > 0.04 * rows:
        return None
    resized: NDArray[np.uint8] = pg.resize(frame, (height, 2 * height), wrap=True)
    return resized


def extract(videos: Path, out: Path, every: float = EVERY_S, height: int = 512) -> dict[str, int]:
    """Write the frames of all videos below a folder; return how many each has given.

    Args:
        videos: Folder, searched to any depth.
        out: `images/` goes below it.
        every: Seconds between frames.
        height: Rows of the pictures.
    """
    found = sorted(p for p in videos.rglob("*") if p.suffix.lower() in SUFFIXES)
    shared = Counter(video.with_suffix("") for video in found)
    counts = {}
    for video in track(found, "extracting frames", len(found), True):
        alone = shared[video.with_suffix("")] == 1  # walk.mp4 beside walk.webm keep their suffix
        named = video.relative_to(videos)
        name = (named.with_suffix("") if alone else named).as_posix()
        folder = out / "images" / name
        made_with = {"every": every, "height": height, "bytes": video.stat().st_size}
        if _made_with(folder) != made_with:
            _clear(folder)
            for seconds, frame in frames(video, every):
                panorama = panorama_of(frame, height)
                if panorama is not None:
                    write_jpeg(folder / f"{round(1000 * seconds):09d}.jpg", panorama)
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / DONE, made_with)
        counts[name] = len(list(folder.glob("*.jpg")))
    return counts


def _made_with(folder: Path) -> Any:
    """Return what the frames of a folder were made with; None if they are not all there."""
    try:
        return json.loads((folder / DONE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # earlier versions left it empty
        return None


def _clear(folder: Path) -> None:
    """Remove frames of other options, or of a call that was killed."""
    (folder / DONE).unlink(missing_ok=True)
    for frame in folder.glob("*.jpg"):
        frame.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Extract, and name the videos without a single panorama; 0."""
    parser = argparse.ArgumentParser("python -m experiments.prepare.frames", description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between frames")
    parser.add_argument("--height", type=int, default=512)
    given = parser.parse_args(argv)
    if given.every <= 0 or given.height <= 0 or not given.videos.is_dir():
        sys.stderr.write("error: expected a folder of videos, and positive numbers\n")
        return 2
    counts = extract(given.videos, given.out, given.every, given.height)
    for name in (name for name, count in counts.items() if not count):
        sys.stderr.write(f"{name}: no frame of an equirectangular panorama (2:1, or square)\n")
    sys.stdout.write(f"{sum(counts.values())} frames of {len(counts)} videos\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
