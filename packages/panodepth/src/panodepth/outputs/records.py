"""The files one prediction becomes, and the record that describes them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pano_data import read_depth
from pano_data.io.atomic import replace_file, write_json
from pano_data.io.paths import is_file, list_files
from panodepth.errors import CommandError
from panodepth.outputs.maps import (
    read_png16,
    write_exr,
    write_normals,
    write_npy,
    write_png16,
    write_sixdof,
    write_sky,
)
from panodepth.outputs.point_cloud import write_ply, write_splats
from panodepth.outputs.walls import write_walls
from panodepth.prediction import MAP_KINDS, MapKind, PredictedMap

RECORD_ENDING = "_prediction.json"

Writer = Callable[[Path, NDArray[np.uint8], PredictedMap], None]


def check_writable(folder: Path) -> None:
    """Make a folder, if it is not there, and try whether files can be written into it.

    Raises:
        CommandError: They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(
            f"--out {folder} cannot be written ({error.strerror}): choose another folder"
        ) from error


class Format(NamedTuple):
    """One choice of `--save`.

    The ending of its file (`{map}` is distance or disparity), its writer.
    """

    ending: str
    write: Writer


def _write_preview(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    from panodepth.outputs.preview import write_preview  # matplotlib: half a second

    write_preview(path, rgb, prediction)


def _write_glb(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    from panodepth.outputs.meshes import write_glb  # trimesh: half a second

    write_glb(path, rgb, prediction)


def _write_usd(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    from panodepth.outputs.meshes import write_usdz  # trimesh and the USD library

    write_usdz(path, rgb, prediction)


def _write_layers(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    from panodepth.outputs.layers import write_layers  # trimesh

    write_layers(path, rgb, prediction)


FORMATS: dict[str, Format] = {
    "npy": Format("_{map}.npy", lambda path, _, prediction: write_npy(path, prediction)),
    "png16": Format("_{map}.png", lambda path, _, prediction: write_png16(path, prediction)),
    "exr": Format("_{map}.exr", lambda path, _, prediction: write_exr(path, prediction)),
    "preview": Format("_preview.png", _write_preview),
    "ply": Format("_points.ply", write_ply),
    "glb": Format("_mesh.glb", _write_glb),
    "usd": Format("_mesh.usdz", _write_usd),
    "normals": Format("_normals.exr", write_normals),
    "sky": Format("_sky.png", write_sky),
    "splats": Format("_splats.ply", write_splats),
    "sixdof": Format("_sixdof.png", write_sixdof),
    "layers": Format("_layers.glb", _write_layers),
    "walls": Format("_walls.json", write_walls),
}

DEFAULT_FORMATS = ("npy", "png16", "preview", "ply")


def digest_of(source: Path) -> str | None:
    """SHA-256 of a source image; None for what is no regular file.

    A record that came from elsewhere cannot know it of a picture that its author has not seen: the
    viewer shows a source only where it fits.
    """
    if not is_file(source):
        return None
    with source.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def find_records(folder: Path) -> list[Path]:
    """All records below a folder, sorted; linked folders are read, hidden ones are not."""
    return list_files(folder, lambda name: name.endswith(RECORD_ENDING)).files


def record_path(folder: Path, name: str) -> Path:
    """Where the record of a panorama lies."""
    return folder / f"{name}{RECORD_ENDING}"


def _statistics(prediction: PredictedMap) -> dict[str, Any]:
    values = prediction.values[prediction.near]
    if not values.size:
        return {"quantiles": None}
    levels = (0.02, 0.5, 0.98)
    sample = values[:: max(1, values.size // 1_000_000)]
    return {
        "quantiles": {
            str(q): float(v) for q, v in zip(levels, np.quantile(sample, levels), strict=True)
        }
    }


def record_name(path: Path, folder: Path) -> str:
    """Name of a prediction: the path of its record below the folder, without the ending."""
    return path.relative_to(folder).as_posix().removesuffix(RECORD_ENDING)


def save_prediction(
    folder: Path,
    name: str,
    rgb: NDArray[np.uint8],
    prediction: PredictedMap,
    formats: Sequence[str],
    about: dict[str, Any],
) -> list[Path]:
    """Write the chosen files, then the record that names them.

    The record comes last: where it lies, everything it names is complete.

    Args:
        folder: Output folder.
        name: Name of the panorama below it, without suffix.
        rgb: `(h, w, 3)` uint8.
        prediction: Of the same size.
        formats: Keys of `FORMATS`.
        about: What else the record says (source, model, working size).

    Returns:
        The files, the record last.

    Raises:
        ValueError: Unknown format.
        OSError: A file cannot be written; none is left half-written.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise ValueError(f"format {unknown[0]!r}: expected any of {', '.join(FORMATS)}")
    map_name = prediction.kind.split("_")[0]
    files = {key: folder / (name + FORMATS[key].ending.format(map=map_name)) for key in formats}
    for key, path in files.items():
        with replace_file(path) as temporary:
            FORMATS[key].write(temporary, rgb, prediction)
    height, width = prediction.values.shape
    record = about | {
        "kind": prediction.kind,
        "unit": prediction.unit,
        "height": height,
        "width": width,
        "far_share": float(prediction.far.mean()),
        "valid_share": float(prediction.valid.mean()),
        **_statistics(prediction),
        "files": {key: path.name for key, path in files.items()},
    }
    path = record_path(folder, name)
    write_json(path, record, indent=2, sort_keys=False)
    return [*files.values(), path]


def is_complete(folder: Path, name: str, formats: Sequence[str], about: dict[str, Any]) -> bool:
    """Whether an earlier run wrote all these formats and its record says the same `about` them.

    Args:
        folder: Output folder.
        name: Name of the panorama below it.
        formats: Keys of `FORMATS`.
        about: Source, model, working height: another one of them makes another prediction.
    """
    path = record_path(folder, name)
    try:
        record = read_record(path)
    except CommandError:
        return False
    files = record["files"]
    same = all(record.get(key) == value for key, value in about.items())
    return same and all(key in files and (path.parent / files[key]).is_file() for key in formats)


def load_prediction(record_file: Path) -> PredictedMap:
    """Read a prediction back from the most exact map that its record names.

    Args:
        record_file: `<name>_prediction.json`.

    Raises:
        CommandError: The record is damaged, or names no distance map.
    """
    record = read_record(record_file)
    for key, read in READERS.items():
        if key in record["files"]:
            path = record_file.parent / record["files"][key]
            try:
                stored = read(path)
            except (OSError, ValueError, RuntimeError) as error:
                raise CommandError(f"{path} cannot be read ({error}): predict it again") from error
            if stored.shape != (record["height"], record["width"]):
                raise CommandError(f"{path} has another size than its record: predict it again")
            return _from_stored(stored, record["kind"], record.get("working_height"))
    raise CommandError(
        f"{record_file} names no distance map, expected one of {', '.join(READERS)}: "
        "predict again with --save npy"
    )


def read_record(record_file: Path) -> dict[str, Any]:
    """The record of a prediction; of its files those that `FORMATS` knows.

    Raises:
        CommandError: It is no record, or names files that do not lie beside it.
    """
    try:
        record: dict[str, Any] = json.loads(record_file.read_text("utf-8"))
        if lost := {"kind", "files", "source", "height", "width"} - record.keys():
            raise ValueError(f"no {', '.join(sorted(lost))}")
        if record["kind"] not in MAP_KINDS or not isinstance(record["source"], str):
            raise ValueError(f"kind {record['kind']!r}, source {record['source']!r}")
        for side in ("height", "width"):
            if type(record[side]) is not int or record[side] < 1:
                raise ValueError(f"{side} {record[side]!r}")
        known = {key: record["files"][key] for key in FORMATS if key in record["files"]}
        for key, name in known.items():
            _check_beside(record_file.parent, name, FORMATS[key])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CommandError(
            f"{record_file} is not a record of panodepth predict ({error})"
        ) from error
    return record | {"files": known}


def _check_beside(folder: Path, name: str, form: Format) -> None:
    """Refuse names that lead out of the folder, links, and files of another kind."""
    path, suffix = folder / name, Path(form.ending).suffix
    if path.name != name or path.suffix != suffix or path.is_symlink():
        raise ValueError(f"file {name!r}, expected a {suffix} file beside the record")


def _from_stored(
    stored: NDArray[np.float32], kind: MapKind, working_height: int | None
) -> PredictedMap:
    far, valid = np.isinf(stored), (stored != 0) & np.isfinite(stored)
    values = np.where(valid, stored, np.float32(0))
    return PredictedMap(kind, values, valid | far, far, working_height)


READERS: dict[str, Callable[[Path], NDArray[np.float32]]] = {
    "npy": lambda path: np.asarray(read_depth(path, "npy"), np.float32),
    "exr": lambda path: np.asarray(read_depth(path, "exr"), np.float32),
    "png16": lambda path: read_png16(path)[0],
}
