"""What a video becomes: a video to look at, a lossless one of distances, single frames."""

import argparse
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pano_data import Picture
from pano_data.io.atomic import replace_file
from pano_geometry import resize
from pano_models import DepthMaps, Predictor
from panodepth.errors import CommandError
from panodepth.outputs.maps import PNG_FAR, choose_png_scale
from panodepth.outputs.records import digest_of, save_prediction
from panodepth.prediction import PredictedMap
from panodepth.video.files import VideoFacts, VideoFrame, VideoWriter
from panodepth.video.scale import Flicker, ScaleHold

HOLD_S = 2.0
"""Seconds; of a model whose scale is its own in every frame."""
SEEN_WIDTH = 1920
ROOM_ABOVE = 4.0
"""A 16-bit video reaches this many times as far as its first frame."""
QUALITY = 95


@dataclass
class VideoOutput:
    """What is written of a video, opened at the first frame."""

    args: argparse.Namespace
    out: Path
    facts: VideoFacts
    predictor: Predictor
    stack: ExitStack
    seen: VideoWriter | None = None
    exact: VideoWriter | None = None
    step: float = 1.0
    scale: Any = None
    hold: ScaleHold | None = None
    before: Flicker = field(default_factory=Flicker)
    after: Flicker = field(default_factory=Flicker)
    factors: list[float] = field(default_factory=list)

    def add(self, frame: VideoFrame, maps: DepthMaps) -> None:
        """Write one frame."""
        picture = Picture(frame.rgb, np.ones(frame.rgb.shape[:2], np.bool_))
        small = _small(maps)
        if self.seen is None:
            self._open(small)
        self.before.add(small.values, small.near)
        factor = 1.0
        if self.hold is not None:
            factor = self.hold.factor(small.values, small.near, frame.seconds)
        self.factors.append(factor)
        held = replace(small, values=small.values * np.float32(factor))
        self.after.add(held.values, held.near)
        assert self.seen is not None
        assert self.exact is not None
        self.seen.write(_picture(frame.rgb, held, self.scale))
        self.exact.write(_steps(held, self.step))
        if self.args.frames is not None:
            full = PredictedMap.from_network(maps, picture)
            self._save_frame(frame, replace(full, values=full.values * np.float32(factor)), factor)

    def _open(self, first: PredictedMap) -> None:
        from panodepth.outputs.preview import make_colour_scale  # matplotlib: half a second

        seconds = self.args.hold
        if seconds is None:
            seconds = HOLD_S if first.kind == "distance_scale_invariant" else 0.0
        if seconds > 0 and first.kind == "disparity_affine":
            raise CommandError(
                "--hold is for distances: this model's disparity has a shift of its own in every "
                "frame"
            )
        self.hold = ScaleHold(seconds) if seconds > 0 else None
        self.scale = make_colour_scale(first)
        near = first.values[first.near]
        largest = float(near.max()) if near.size else 1.0
        self.step = choose_png_scale(ROOM_ABOVE * largest, first.kind == "distance_metric")
        notes = {
            "unit": first.unit,
            "kind": first.kind,
            "scale": repr(self.step),
            "invalid": "0",
            "far": str(PNG_FAR),
        }
        rate = self.facts.rate / self.args.every
        stem = self.args.video.stem
        for ending, size in (
            ("_depth.mp4", _seen_size(self.facts)),
            ("_distance.mkv", first.values.shape),
        ):
            part = self.stack.enter_context(replace_file(self.out / f"{stem}{ending}"))
            writer = VideoWriter(part, (size[0], size[1]), rate, notes)
            self.stack.enter_context(writer)
            if ending.endswith("mp4"):
                self.seen = writer
            else:
                self.exact = writer

    def _save_frame(self, frame: VideoFrame, prediction: PredictedMap, factor: float) -> None:
        name = f"{self.args.video.stem}_{frame.number:06d}"
        source = self.out / "frames" / f"{name}.jpg"
        with replace_file(source) as temporary, temporary.open("wb") as file:
            Image.fromarray(frame.rgb).save(file, format="JPEG", quality=QUALITY)
        about = {
            "source": str(source.absolute()),
            "source_digest": digest_of(source),
            "model": self.args.model,
            "working_height": self.predictor.size[0],
            "seconds": frame.seconds,
            "held_by": factor,
        }
        formats = self.args.frames or ["npy"]
        save_prediction(self.out / "frames", name, frame.rgb, prediction, formats, about)

    def report(self) -> dict[str, Any]:
        """Return what was done, for `NAME_video.json`."""
        return {
            "source": str(self.args.video.absolute()),
            "model": self.args.model,
            "working_height": self.predictor.size[0],
            "frames": len(self.factors),
            "hold_seconds": str(self.hold.seconds) if self.hold else None,
            "flicker_before": self.before.figures(),
            "flicker_after": self.after.figures(),
            "factors": [round(f, 6) for f in self.factors],
        }


def _small(maps: DepthMaps) -> PredictedMap:
    """Return the network's map at its own size."""
    height, width = maps.working_size
    return PredictedMap.from_network(
        maps, Picture(np.zeros((height, width, 3), np.uint8), np.ones((height, width), np.bool_))
    )


def _seen_size(facts: VideoFacts) -> tuple[int, int]:
    width = min(SEEN_WIDTH, facts.width) // 4 * 4
    return width, width  # panorama above its map, both 2:1


def _picture(rgb: NDArray[np.uint8], held: PredictedMap, scale: Any) -> NDArray[np.uint8]:
    """Return the panorama above its coloured distances, at the colours of the first frame."""
    from panodepth.outputs.preview import colourise_map

    width = min(SEEN_WIDTH, rgb.shape[1]) // 4 * 4
    both = (resize(p, (width // 2, width)) for p in (rgb, colourise_map(held, scale)))
    return np.concatenate(list(both))


def _steps(held: PredictedMap, step: float) -> NDArray[np.uint16]:
    steps = np.rint(held.values / step).clip(1, PNG_FAR - 1)
    return np.where(held.near, steps, np.where(held.far, PNG_FAR, 0)).astype(np.uint16)
