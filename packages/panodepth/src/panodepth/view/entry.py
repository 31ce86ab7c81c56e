"""What the viewer shows of one prediction: a photo, a thinned map, files to download."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pano_geometry import resize
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.maps import encode_values
from panodepth.outputs.preview import choose_colour_limits
from panodepth.outputs.records import (
    RECORD_ENDING,
    load_prediction,
    read_record,
    record_name,
)
from panodepth.panoramas import read_panorama

MAP_WIDTH = 1024
PHOTO_WIDTH = 2048
MEDIA = {"photo": "image/jpeg", "values": "application/octet-stream"}

Address = Callable[[str], str]


def find_records(folder: Path) -> list[Path]:
    """All records below a folder, sorted."""
    return sorted(folder.rglob(f"*{RECORD_ENDING}"))


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
    quantiles = record.get("quantiles") or {"0.02": 0.0, "0.98": 1.0}
    name = record_name(record_file, root)
    return {
        "name": name,
        "kind": record["kind"],
        "unit": record["unit"],
        "model": record.get("model", "?"),
        "size": [record["height"], record["width"]],
        "width": map_width,
        "height": max(1, round(record["height"] * map_width / record["width"])),
        "scale": choose_colour_limits(quantiles["0.02"], quantiles["0.98"]),
        "photo": address("photo"),
        "values": address("values"),
        "downloads": {key: address(key) for key in record["files"]},
    }


def encode_map(record_file: Path, width: int = MAP_WIDTH) -> bytes:
    """The map as little-endian float32, thinned; 0 is masked, infinity far.

    Raises:
        CommandError: There is no map to read.
    """
    prediction = load_prediction(record_file).downsample(width)
    return encode_values(prediction).astype("<f4").tobytes()


def encode_photo(record_file: Path, width: int = PHOTO_WIDTH) -> bytes:
    """The panorama as JPEG: its source, or the upper half of its preview when that is gone.

    Raises:
        CommandError: Neither is there.
    """
    record = read_record(record_file)
    try:
        rgb = read_panorama(Path(record["source"]), force_aspect=True).rgb
    except BadPanoramaError as error:
        preview = record_file.parent / record["files"].get("preview", "")
        if not preview.is_file():
            raise CommandError(f"{record['source']}: {error}, and there is no preview") from error
        with Image.open(preview) as image:
            rgb = np.array(image.convert("RGB"))[: image.height // 2, : image.height]
    width = min(width, rgb.shape[1])
    buffer = io.BytesIO()
    Image.fromarray(resize(rgb, (width // 2, width))).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


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
