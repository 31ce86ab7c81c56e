"""The stage reads its section and writes the scores of each model."""

import json
from pathlib import Path

import pytest
import yaml

from experiments.benchmark.evaluate.stage import main
from pano_data.manifest import write_manifest
from pano_data.reader import ManifestDataset
from tests.experiments.benchmark.conftest import SIZE


def test_the_stage_reads_its_section(
    raw: Path, rooms: ManifestDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_manifest(tmp_path / "rooms.parquet", rooms.manifest)
    source = {"manifest": "rooms.parquet", "root": str(raw)}
    section = {
        "datasets": {"stanford2d3d": source}, "protocols": ["da2_paper", "metric"],
        "size": list(SIZE), "threads": 1, "latitude_from": source,
    }  # fmt: skip
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"evaluate": section}))
    for model in ("baseline_constant", "baseline_latitude"):
        main([model])
    scores = {
        model: json.loads((tmp_path / f"reports/scores/{model}/metrics.json").read_text())[
            "stanford2d3d"
        ]
        for model in ("baseline_constant", "baseline_latitude")
    }
    assert all(list(by_protocol) == ["da2_paper"] for by_protocol in scores.values())
    absrel = {model: by["da2_paper"]["absrel"] for model, by in scores.items()}
    assert absrel["baseline_latitude"] < absrel["baseline_constant"]
