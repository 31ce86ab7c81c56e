import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panodepth.errors import CommandError
from panodepth.outputs.records import digest_of, load_prediction, record_path, save_prediction
from panodepth.prediction import PredictedMap
from panodepth.viewer.entries import encode_map, encode_photo, make_embedded_entry, make_entry
from panodepth.viewer.page import render_page

Record = Callable[..., Path]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Writes a prediction of a 64x128 ramp with a masked and a far corner."""

    def write(*formats: str, source: str = "gone.png") -> Path:
        values = np.linspace(1, 40, 128, dtype=np.float32)[None].repeat(64, 0)
        valid, far = np.ones(values.shape, bool), np.zeros(values.shape, bool)
        valid[:4, :4], far[-4:, -4:] = False, True
        rgb = np.zeros((64, 128, 3), np.uint8)
        rgb[..., 0] = 180
        about = {
            "source": source,
            "source_digest": digest_of(Path(source)),
            "model": "box",
            "working_height": 32,
        }
        save_prediction(
            tmp_path,
            "a",
            rgb,
            PredictedMap("distance_metric", values, valid, far, 32),
            formats,
            about,
        )
        return record_path(tmp_path, "a")

    return write


@pytest.mark.parametrize(("form", "tolerance"), [("npy", 0), ("exr", 0), ("png16", 6e-4)])
def test_a_prediction_is_read_back_from_any_of_its_maps(
    record: Record, form: str, tolerance: float
) -> None:
    prediction = load_prediction(record(form, "preview"))
    assert not prediction.valid[:4, :4].any()
    assert prediction.valid.sum() == 64 * 128 - 16
    assert prediction.far.sum() == 16
    assert prediction.working_height == 32
    expected = np.linspace(1, 40, 128)[None].repeat(64, 0)
    np.testing.assert_allclose(
        prediction.values[prediction.near], expected[prediction.near], atol=tolerance + 1e-5
    )


def test_a_prediction_without_a_map_is_refused(record: Record) -> None:
    with pytest.raises(CommandError, match=r"names no distance map.*--save npy"):
        load_prediction(record("preview"))


def test_damaged_records_and_maps_are_told(record: Record, tmp_path: Path) -> None:
    path = record("npy")
    (tmp_path / "a_distance.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(CommandError, match=r"a_distance\.npy cannot be read"):
        load_prediction(path)
    path.write_text("{}")
    with pytest.raises(CommandError, match="is not a record"):
        load_prediction(path)


def test_an_entry_says_what_the_page_needs(record: Record, tmp_path: Path) -> None:
    entry = make_entry(record("npy"), tmp_path, lambda part: f"x/{part}", 64)
    assert (entry["name"], entry["unit"], entry["size"]) == ("a", "m", [64, 128])
    assert (entry["height"], entry["width"]) == (32, 64)
    low, high, log = entry["scale"]
    assert 1 < low < 3
    assert 38 < high < 40
    assert log
    assert entry["downloads"] == {"npy": "x/npy"}


def test_the_map_is_thinned_with_its_marks(record: Record) -> None:
    values = np.frombuffer(encode_map(record("npy"), 32), "<f4").reshape(16, 32)
    assert values[0, 0] == 0
    assert np.isinf(values[-1, -1])
    assert (np.diff(values[8]) > 0).all()


def test_the_photo_is_the_source_or_the_upper_half_of_the_preview_or_the_map(
    record: Record, tmp_path: Path
) -> None:
    Image.new("RGB", (128, 64), (0, 200, 0)).save(tmp_path / "source.png")
    Image.new("RGB", (128, 64), (0, 0, 200)).save(tmp_path / "other.png")
    for source, channel in ((str(tmp_path / "source.png"), 1), ("gone.png", 0)):
        (tmp_path / "photo.jpg").write_bytes(encode_photo(record("npy", "preview", source=source)))
        with Image.open(tmp_path / "photo.jpg") as image:
            assert image.width == 2 * image.height
            assert np.asarray(image).reshape(-1, 3).mean(0).argmax() == channel
    map_in_colours = encode_photo(record("npy", source="gone.png"))
    assert len({*Image.open(io.BytesIO(map_in_colours)).getdata()}) > 50
    # Another file than the one that was predicted is not shown.
    path = record("npy", "preview", source=str(tmp_path / "source.png"))
    (tmp_path / "other.png").replace(tmp_path / "source.png")
    assert np.asarray(Image.open(io.BytesIO(encode_photo(path)))).mean((0, 1)).argmax() == 0


def test_a_page_in_one_file_loads_nothing(record: Record, tmp_path: Path) -> None:
    entry = make_embedded_entry(record("npy", "preview"), tmp_path, 64)
    html = render_page([entry | {"name": "</script><b>"}], "", accepts=False)
    assert "http://" not in html
    assert "https://" not in html
    assert " src=" not in html
    assert html.count("</script>") == 2  # ours: the name could not end a script
    data = html.split("const DATA = ", 1)[1].split(";</script>", 1)[0]
    values = json.loads(data)["entries"][0]["values"].split("base64,")[1]
    assert len(base64.b64decode(values)) == 4 * 32 * 64
