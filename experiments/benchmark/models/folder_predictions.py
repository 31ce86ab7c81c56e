"""Predictions made elsewhere: one file per sample, named by its key."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pano_data import DataError, Manifest, image_size, read_depth
from pano_models import DISPARITY_AFFINE, DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT

FOLDER = "folder:"
KINDS = (DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT, DISPARITY_AFFINE)
ENCODINGS = {".npy": "npy", ".npz": "npz", ".exr": "exr", ".png": "png"}
DECLARATION = "predictions.json"
SHOWN = 3


class PredictionsError(ValueError):
    """A folder of predictions that does not fit what is to be scored."""


class FolderPredictions:
    """Read maps from files, where others run a network.

    Args:
        folder: Holds `<key>.npy|.npz|.exr|.png`, or the same below `<data set>/`.
        kind: `distance_metric`, `distance_scale_invariant` or `disparity_affine`; that of
            `predictions.json` in the folder if None.
        units: Codes of a PNG per metre (or per unit); that of `predictions.json` if None.

    Raises:
        PredictionsError: No such folder, or its kind is declared nowhere or unknown.
    """

    network = "folder"
    sees_pictures = False
    module = None  # the predictions were made elsewhere

    def __init__(
        self, folder: Path | str, kind: str | None = None, units: float | None = None
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise PredictionsError(f"{folder} is no folder, expected one with predictions")
        declared = _declaration(self.folder)
        self.kind = kind or str(declared.get("kind", ""))
        if self.kind not in KINDS:
            raise PredictionsError(
                f"{folder}: got kind {self.kind or 'nowhere'!r}, "
                f"expected one of {', '.join(KINDS)}: "
                f'write {{"kind": ...}} into {DECLARATION} or add ,kind=... to the model'
            )
        self.units = units or declared.get("units")
        self.size: tuple[int, int] | None = None
        self.files: dict[tuple[str, str], Path] = {}
        self.identity = self._digest()

    @classmethod
    def parse(cls, model: str) -> Self:
        """Make one from a MODEL `folder:DIR[,kind=KIND][,units=NUMBER]`."""
        folder, options = parse_options(model.removeprefix(FOLDER))
        unknown = sorted(set(options) - {"kind", "units"})
        try:
            units = float(options["units"]) if "units" in options else None
        except ValueError:
            units = -1.0
        if unknown or (units is not None and not units > 0):
            raise PredictionsError(
                f"got {model!r}, expected {FOLDER}DIR with options kind and units (a number > 0)"
            )
        return cls(folder, options.get("kind"), units)

    def prepare(self, manifest: Manifest, size: tuple[int, int]) -> None:
        """Find the file of every row and check the sizes.

        Raises:
            PredictionsError: Files are missing, a key has two, or a size is another one.
        """
        self.size = size
        found = {(row.dataset, row.key): self._candidates(row.dataset, row.key) for row in manifest}
        missing = [key for (_, key), files in found.items() if not files]
        if missing:
            raise PredictionsError(
                f"{self.folder}: {len(missing)} of {len(found)} predictions are missing, first "
                f"{', '.join(missing[:SHOWN])}; expected <key> or <data set>/<key> with "
                f"{'|'.join(ENCODINGS)}"
            )
        double = [files for files in found.values() if len(files) > 1]
        if double:
            names = ", ".join(str(f.relative_to(self.folder)) for f in double[0])
            raise PredictionsError(
                f"{self.folder}: {len(double)} keys have more than one file, first {names}; "
                "keep one of each"
            )
        self.files = {key: files[0] for key, files in found.items()}
        for path in self.files.values():
            self._check_header(path)

    def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
        """Read the files of a batch, `(b, 1, h, w)`.

        Raises:
            PredictionsError: A file is damaged, or a map has another size.
        """
        pairs = zip(batch["dataset"], batch["key"], strict=True)
        maps = [self._read(self.files[pair]) for pair in pairs]
        return {self.kind: torch.from_numpy(np.stack(maps))[:, None].to(device)}

    def _read(self, path: Path) -> NDArray[np.float32]:
        try:
            values = read_depth(path, ENCODINGS[path.suffix])
        except DataError as error:
            raise PredictionsError(str(error)) from error
        self._check_size(values.shape, path)
        if path.suffix != ".png":
            return values.astype(np.float32)
        if not self.units or values.dtype != np.uint16:
            raise PredictionsError(
                f"{path}: got {values.dtype} and units={self.units}, expected a 16-bit PNG and "
                f"units (codes per metre) in {DECLARATION} or the model"
            )
        decoded = values.astype(np.float32) / np.float32(self.units)
        return np.where(values == 0, np.float32(np.nan), decoded)

    def _check_header(self, path: Path) -> None:
        """Check the size, where it can be had without reading the map."""
        try:
            shape = _shape(path)
        except (ValueError, OSError) as error:
            raise PredictionsError(f"{path} cannot be read: {error}") from error
        if shape is not None:
            self._check_size(shape, path)

    def _check_size(self, shape: Sequence[int], path: Path) -> None:
        plain = tuple(n for n in shape if n != 1)
        if plain != self.size:
            raise PredictionsError(
                f"{path}: got a map of {'x'.join(map(str, shape))}, expected "
                f"{'x'.join(map(str, self.size or ()))}: predict at the size that is scored, "
                "or change that size"
            )

    def _candidates(self, dataset: str, key: str) -> list[Path]:
        stems = (self.folder / dataset / key, self.folder / key)
        paths = (s.with_name(s.name + ending) for s in stems for ending in ENCODINGS)
        return [path for path in paths if path.is_file()]

    def _digest(self) -> str:
        """Digest names, sizes and times: the files may be terabytes."""
        entries = [
            (f.relative_to(self.folder).as_posix(), f.stat().st_size, f.stat().st_mtime_ns)
            for f in sorted(self.folder.rglob("*"))
            if f.suffix in ENCODINGS
        ]
        return hashlib.sha256(json.dumps([self.kind, self.units, entries]).encode()).hexdigest()


def parse_options(text: str) -> tuple[str, dict[str, str]]:
    """Split `value,key=value,...` into the value and its options.

    Raises:
        ValueError: A part without `=`, or the same option twice.
    """
    value, *parts = text.split(",")
    options: dict[str, str] = {}
    for part in parts:
        key, equals, content = part.partition("=")
        if not equals or not content or key in options:
            raise ValueError(f"got {part!r} in {text!r}, expected each option once, as key=value")
        options[key] = content
    return value, options


def _shape(path: Path) -> tuple[int, ...] | None:
    """Return the shape of the map in a file where the header tells, None otherwise."""
    if path.suffix == ".npy":
        shape: tuple[int, ...] = np.load(path, mmap_mode="r", allow_pickle=False).shape
        return shape
    return image_size(path) if path.suffix == ".png" else None


def _declaration(folder: Path) -> dict[str, Any]:
    path = folder / DECLARATION
    if not path.is_file():
        return {}
    try:
        declared = json.loads(path.read_text())
    except ValueError as error:
        raise PredictionsError(f"{path} is not JSON: {error}") from error
    if not isinstance(declared, dict):
        raise PredictionsError(f"{path}: got {type(declared).__name__}, expected kind and units")
    return declared
