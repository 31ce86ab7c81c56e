"""Frames of a video, and videos of maps: read and written by PyAV (FFmpeg)."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from panodepth.errors import BadPanoramaError, CommandError

LOSSLESS = "ffv1"
SEEN = "libx264"
SEEN_WITHOUT_H264 = "mpeg4"
MICROSECONDS = 1_000_000
"""Of a second: the unit of a container's duration."""


class VideoFrame(NamedTuple):
    """One frame.

    Attributes:
        number: From 0, counted over all frames of the video.
        seconds: When it is shown.
        rgb: `(h, w, 3)` uint8.
    """

    number: int
    seconds: float
    rgb: NDArray[np.uint8]


class VideoFacts(NamedTuple):
    """What a video says of itself; `frames` is None where it does not say."""

    height: int
    width: int
    rate: Fraction
    frames: int | None


def library() -> Any:
    """Return PyAV.

    Raises:
        CommandError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise CommandError("videos need PyAV: pip install 'panodepth[video]'") from error
    return av


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    av = library()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BadPanoramaError(f"{path} holds no video")
            container.streams.video[0].thread_type = "AUTO"
            yield container
    except av.FFmpegError as error:
        raise BadPanoramaError(f"{path} cannot be read as a video: {error.strerror}") from error


def read_facts(path: Path) -> VideoFacts:
    """Return size, rate and length.

    Raises:
        BadPanoramaError: It cannot be read, or holds no video.
        CommandError: PyAV is not installed.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(30)
        return VideoFacts(stream.height, stream.width, rate, _count_frames(container, rate))


def _count_frames(container: Any, rate: Fraction) -> int | None:
    """Return how many frames the header promises; a download that broke off has fewer."""
    stream = container.streams.video[0]
    if stream.frames:
        return int(stream.frames)
    seconds: Fraction | None = None
    if stream.duration is not None and stream.time_base:
        seconds = stream.duration * stream.time_base
    elif container.duration and len(container.streams) == 1:  # that of its sound may be longer
        seconds = Fraction(container.duration, MICROSECONDS)
    return round(seconds * rate) if seconds else None


def read_frames(path: Path, every: int = 1) -> Iterator[VideoFrame]:
    """Decode a video, one frame at a time.

    Args:
        path: The video.
        every: Give each n-th frame only.

    Raises:
        BadPanoramaError: It cannot be read; what was decoded before has been given.
        CommandError: PyAV is not installed.
    """
    with _opened(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                rgb = _turn(frame.to_ndarray(format="rgb24"), frame.rotation)
                yield VideoFrame(number, float(frame.time or 0.0), rgb)


def _turn(rgb: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Turn a frame of a camera that hung upside down, as its container says.

    A quarter turn would set a panorama upright: it is left out, as that of a photo.
    """
    upside_down = round(degrees / 90) % 4 == 2
    return np.ascontiguousarray(rgb[::-1, ::-1]) if upside_down else rgb


class VideoWriter:
    """Writes pictures of one size as a video; a context manager.

    Args:
        path: Its suffix names the container: `.mp4` for people (H.264), `.mkv` for maps (FFV1,
            16 bits, lossless).
        size: Height and width, even.
        rate: Frames per second.
        notes: Text that the container keeps.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, notes: dict[str, str]
    ) -> None:
        av = library()
        self._av = av
        self._exact = path.suffix == ".mkv"
        options = {} if self._exact else {"movflags": "use_metadata_tags"}
        self._container = av.open(str(path), "w", options=options)
        self._container.metadata.update(notes)
        seen = SEEN if SEEN in av.codecs_available else SEEN_WITHOUT_H264
        codec = LOSSLESS if self._exact else seen
        self._stream = self._container.add_stream(codec, rate=rate)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = "gray16le" if self._exact else "yuv420p"
        if codec == SEEN:
            self._stream.options = {"crf": "18"}

    def write(self, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        """Append a picture: `(h, w, 3)` uint8, or `(h, w)` uint16 where it is lossless."""
        kind = "gray16le" if self._exact else "rgb24"
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()
