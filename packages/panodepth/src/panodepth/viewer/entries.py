"""What the viewer shows of one prediction: a photo, a thinned map, files to download."""

import base64
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pano_geometry import resize
from pano_models.outputs import UNITS
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.maps import encode_values
from panodepth.outputs.preview import choose_colour_limits, colourise_map, make_colour_scale
from panodepth.outputs.records import (
    digest_of,
    load_prediction,
    read_record,
    record_name,
)
from panodepth.panorama_files import read_panorama

MAP_WIDTH = 1024
PHOTO_WIDTH = 2048
MEDIA = {"photo": "image/jpeg", "values": "application/octet-stream"}

Address = Callable[[str], str]


def make_entry(record_file: Path, root: Path, address: Address, width: int) -> dict[str, Any]:
    """What the page needs to know about a prediction, without reading its map.

    Args:
        record_file: `<name>_prediction.json`.
        root: The name is shown relative to it.
        address: Turns `photo`, `values` or a key of the record's files into a URL.
        width: Largest width of the map that is sent.

    Raises:
        CommandError: The record is damaged.
    """
    record = read_record(record_file)
    map_width = min(width, record["width"])
    name = record_name(record_file, root)
    return {
        "name": name,
        "kind": record["kind"],
        "unit": UNITS[record["kind"]],
        "model": str(record.get("model", "?")),
        "size": [record["height"], record["width"]],
        "width": map_width,
        "height": max(1, round(record["height"] * map_width / record["width"])),
        "scale": choose_colour_limits(*_quantiles(record)),
        "photo": address("photo"),
        "values": address("values"),
        "downloads": {key: address(key) for key in record["files"]},
    }


def make_entries(
    records: Sequence[Path], make: Callable[[Path], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Make the entries of many records; a damaged one is a line of text, and the others are shown.

    Args:
        records: What `find_records` found.
        make: Makes the entry of one.

    Returns:
        Entries, and a line about each record that cannot be shown.
    """
    entries, problems = [], []
    for record in records:
        try:
            entries.append(make(record))
        except CommandError as error:
            problems.append(str(error))
    return entries, problems


def encode_map(record_file: Path, width: int = MAP_WIDTH) -> bytes:
    """The map as little-endian float32, thinned; 0 is masked, infinity far.

    Raises:
        CommandError: There is no map to read.
    """
    prediction = load_prediction(record_file).downsample(width)
    return encode_values(prediction).astype("<f4").tobytes()


def _quantiles(record: dict[str, Any]) -> tuple[float, float]:
    try:
        low, high = (float(record["quantiles"][key]) for key in ("0.02", "0.98"))
    except (KeyError, TypeError, ValueError):  # nothing was near
        return 0.0, 1.0
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (0.0, 1.0)


def encode_photo(record_file: Path, width: int = PHOTO_WIDTH) -> bytes:
    """The panorama as JPEG: its source, or the upper half of its preview, or its map in colours.

    The source is shown only where its digest is the one of the record: a record from elsewhere
    must not show pictures of this machine.

    Raises:
        CommandError: The record is damaged.
    """
    record = read_record(record_file)
    rgb = _source(record)
    if rgb is None:
        rgb = _upper_half(record_file.parent / record["files"].get("preview", ""))
    if rgb is None:
        prediction = load_prediction(record_file).downsample(width)
        rgb = colourise_map(prediction, make_colour_scale(prediction))
    width = min(width, rgb.shape[1])
    buffer = io.BytesIO()
    Image.fromarray(resize(rgb, (width // 2, width))).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _source(record: dict[str, Any]) -> NDArray[np.uint8] | None:
    digest, source = record.get("source_digest"), Path(record["source"])
    try:
        if not digest or digest_of(source) != digest:
            return None
        return read_panorama(source, force_aspect=True).rgb
    except (BadPanoramaError, OSError, ValueError):
        return None


def _upper_half(preview: Path) -> NDArray[np.uint8] | None:
    if not preview.is_file():
        return None
    try:
        with Image.open(preview) as image:
            rgb = np.array(image.convert("RGB"))[: image.height // 2, : image.height]
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return rgb if rgb.size else None


def make_embedded_entry(
    record_file: Path, root: Path, width: int = MAP_WIDTH // 2
) -> dict[str, Any]:
    """An entry that carries its photo and its map inside, for a page in one file."""
    content = {
        "photo": encode_photo(record_file, 2 * width),
        "values": encode_map(record_file, width),
    }

    def address(part: str) -> str:
        if part not in content:
            return ""
        return f"data:{MEDIA[part]};base64,{base64.b64encode(content[part]).decode()}"

    return make_entry(record_file, root, address, width) | {"downloads": {}}
