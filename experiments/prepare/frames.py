"""`python -m experiments.prepare.frames VIDEOS OUT [--every S] [--height H]`: frames of videos.

DAP's unlabelled panoramas are frames of web videos, Depth Anywhere's those of SpatialAudioGen;
neither says how they were cut. Here: a frame every `every` seconds, as JPEG of `2H x H`, at
`OUT/images/<video>/<seconds * 1000>.jpg`, which `dap2m_unlabelled` and `folder` read. Of a stereo
video (one eye above the other, so square) the upper eye is taken. A video that is done is not
opened again; one that cannot be read is said, and is no error.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data import track, write_text
from pano_data.io.encode import write_jpeg

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi")
DONE = ".done"
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
    counts = {}
    for video in track(found, "extracting frames", len(found), True):
        name = video.relative_to(videos).with_suffix("").as_posix()
        folder = out / "images" / name
        if not (folder / DONE).is_file():
            for seconds, frame in frames(video, every):
                panorama = panorama_of(frame, height)
                if panorama is not None:
                    write_jpeg(folder / f"{round(1000 * seconds):09d}.jpg", panorama)
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / DONE, "")
        counts[name] = len(list(folder.glob("*.jpg")))
    return counts


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
