"""Masks of unlabelled panoramas: shared by ranks, resumed, dropped with a reason, read back."""

import json

import numpy as np
import pytest

from experiments.depth_anywhere.mask import mask
from pano_data import DataError, ManifestDataset, Row, read_manifest, write_manifest
from pano_data.io.encode import write_png

COUNT = 5


@pytest.fixture
def data(tmp_path):
    """Pictures 0 to 4; the red channel holds the usable share of each, number 3 is damaged."""
    raw = tmp_path / "data" / "raw"
    rows = []
    for number, share in enumerate((100, 50, 10, 100, 30)):
        picture = np.full((10, 20, 3), 90, np.uint8)
        picture[..., 0] = share
        write_png(raw / f"{number}.png", picture)
        rows.append(
            Row(key=str(number), dataset="d", split="train", scene="s", image=f"{number}.png")
        )
    (raw / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_manifest(raw / "train.parquet", rows)
    return tmp_path / "data"


class ByRed:
    """Takes the usable share from the red channel; counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, rgb):
        self.calls += 1
        return np.arange(rgb.shape[0] * rgb.shape[1]).reshape(rgb.shape[:2]) < 2 * int(rgb[0, 0, 0])


def run(data, masker=None):
    raw = data / "raw"
    mask(
        str(raw / "train.parquet"),
        str(raw),
        str(data / "masks" / "d"),
        str(data),
        masker or ByRed(),
        threads=1,
    )
    return data / "masks" / "d"


def test_rows_carry_their_mask_and_the_rest_its_reason(data):
    out = run(data)
    rows = read_manifest(out / "manifest.parquet")
    assert [row.key for row in rows] == ["0", "1", "4"]
    sample = ManifestDataset(rows, data)[1]
    assert sample["keep"].float().mean() == 0.5
    dropped = {entry["key"]: entry for entry in json.loads((out / "dropped.json").read_text())}
    assert dropped["2"]["reason"] == "hardly usable"
    assert "10.0%" in dropped["2"]["detail"]
    assert dropped["3"]["reason"] != "hardly usable"
    assert dropped.keys() == {"2", "3"}


def test_the_last_of_two_ranks_finishes(data, monkeypatch):
    alone = read_manifest(run(data) / "manifest.parquet")
    for path in sorted((data / "masks").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    monkeypatch.setenv("WORLD_SIZE", "2")
    calls = []
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        masker = ByRed()
        out = run(data, masker)
        calls.append(masker.calls)
        assert (out / "manifest.parquet").exists() == (rank == "0")
    assert sum(calls) == COUNT - 1  # each readable picture once
    assert read_manifest(out / "manifest.parquet") == alone


def test_a_second_run_masks_nothing(data):
    out = run(data)
    before = {p.name: p.read_bytes() for p in out.rglob("*.p*") if p.is_file()}
    (out / "masks/.0.1a2b3c4d.part.png").write_bytes(b"half")  # of a writer that was killed
    masker = ByRed()
    run(data, masker)
    assert masker.calls == 0
    assert before == {p.name: p.read_bytes() for p in out.rglob("*.p*") if p.is_file()}


def test_rows_with_a_mask_are_refused(data):
    rows = list(read_manifest(run(data) / "manifest.parquet"))
    write_manifest(data / "again.parquet", rows)
    with pytest.raises(DataError, match="have a mask already"):
        mask(str(data / "again.parquet"), str(data), str(data / "twice"), str(data), threads=1)
