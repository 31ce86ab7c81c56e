"""The best labels of each environment, by the discriminator's own score of each map."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from experiments.dap.curate import curate
from experiments.dap.discriminator_task import load_discriminator
from pano_data import datasets, miniatures
from pano_data.manifest import read_manifest, write_manifest
from pano_data.miniatures.box_studio import BoxStudio
from pano_data.reader import ManifestDataset
from pano_models import PatchDiscriminator, normalize_distance

SIZE = (32, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five labelled rooms and an untrained discriminator."""
    root = tmp_path_factory.mktemp("curate")
    miniatures.write(
        "structured3d", root / "raw", scenes={"train": 5}, size=SIZE, studio=BoxStudio()
    )
    write_manifest(root / "rows.parquet", datasets.get("structured3d").rows(root / "raw", "train"))
    torch.manual_seed(3)
    (root / "judge").mkdir()
    save_file(PatchDiscriminator(width=4).state_dict(), root / "judge/model.safetensors")
    (root / "judge/config.json").write_text(json.dumps({"width": 4}))
    return root


def scores(data: Path) -> dict[str, float]:
    judge, found = load_discriminator(str(data / "judge")), {}
    for sample in ManifestDataset(data / "rows.parquet", data / "raw", SIZE):
        maps = normalize_distance(sample["distance"][None], sample["valid"][None])
        found[sample["key"]] = float(judge.score(maps))
    return found


@pytest.mark.parametrize(("batch_size", "num_workers"), [(2, 0), (5, 2)])
def test_the_best_are_kept_with_their_score(batch_size: int, num_workers: int, data: Path) -> None:
    out = data / f"{num_workers}.parquet"
    curate(
        str(data / "judge"), [str(data / "rows.parquet")], str(data / "raw"), str(out), {"indoor": 2},
        size=SIZE, batch_size=batch_size, num_workers=num_workers, threads=1,
    )  # fmt: skip
    expected = scores(data)
    assert len(set(expected.values())) == 5
    best = sorted(expected, key=lambda key: -expected[key])[:2]
    kept = {row.key: row.score for row in read_manifest(out)}
    assert kept == pytest.approx({key: expected[key] for key in best}, abs=1e-6)
