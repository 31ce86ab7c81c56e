import json

import numpy as np
import pytest
import torch
from PIL import Image

import pano_losses
import pano_models
from experiments.benchmark.full_pictures import FullPictures
from experiments.benchmark.gallery import draw, gallery, near_to_far
from experiments.benchmark.models.resolve import DatasetLocation
from pano_data import datasets
from pano_data.manifest import write_manifest
from pano_data.reader import ManifestDataset
from pano_models import Predictor
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

SIZE = (32, 64)


class Truth(torch.nn.Module):
    """Knows the answer up to a factor."""

    def __init__(self, distance):
        super().__init__()
        self.distance = distance

    def forward(self, rgb):
        return {"distance_scale_invariant": 2.5 * self.distance[None]}


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    root = tmp_path_factory.mktemp("rooms")
    miniatures.write(
        "structured3d", root / "raw", scenes={"train": 4}, size=SIZE, studio=BoxStudio()
    )
    rows = list(datasets.get("structured3d").rows(root / "raw", "train"))
    write_manifest(root / "train.parquet", rows)
    return DatasetLocation(str(root / "train.parquet"), str(root / "raw"))


def test_samples_are_ordered_by_their_median_distance(rooms):
    data = ManifestDataset(rooms.manifest, rooms.root, SIZE)
    places = near_to_far(data, 3)
    medians = [float(data[p]["distance"][data[p]["valid"]].median()) for p in places]
    assert medians == sorted(medians)
    everything = [
        float(s["distance"][s["valid"]].median()) for s in map(data.__getitem__, range(len(data)))
    ]
    assert (medians[0], medians[-1]) == (min(everything), max(everything))


def test_a_perfect_model_draws_the_truth_and_has_no_error(rooms, tmp_path):
    sample = FullPictures(ManifestDataset(rooms.manifest, rooms.root, SIZE))[0]
    entry = draw({"perfect": Predictor(Truth(sample["distance"]), SIZE)}, sample, tmp_path, "room")
    assert entry["scores"]["perfect"] == {"protocol": "da2_paper", "absrel": 0.0}
    truth, tile = (
        np.asarray(Image.open(tmp_path / entry["tiles"][k])) for k in ("truth", "perfect")
    )
    seen = sample["valid"][0].numpy()
    assert np.abs(truth[seen].astype(int) - tile[seen]).mean() < 3  # JPEG
    assert entry["near_m"] < entry["median_m"] < entry["far_m"]


class TruthUnderSky(Truth):
    """Calls the upper rows sky."""

    def forward(self, rgb):
        maps = super().forward(rgb)
        sky = torch.zeros_like(self.distance[None])
        sky[..., :8, :] = 0.9
        return {**maps, "far_probability": sky}


def test_what_a_model_calls_sky_is_black_and_scored_all_the_same(rooms, tmp_path):
    sample = FullPictures(ManifestDataset(rooms.manifest, rooms.root, SIZE))[0]
    model = Predictor(TruthUnderSky(sample["distance"]), SIZE)
    entry = draw({"sky": model}, sample, tmp_path, "room")
    tile = np.asarray(Image.open(tmp_path / entry["tiles"]["sky"])).astype(int)
    assert tile[:6].max() < 40  # JPEG blurs the edge
    assert (tile[10:].max(-1) > 60).mean() > 0.98
    assert entry["scores"]["sky"]["absrel"] == 0.0


class Slope(torch.nn.Module):
    """An affine disparity that knows nothing."""

    def forward(self, rgb):
        rows = torch.linspace(0.1, 1, rgb.shape[-2])[:, None] ** 2
        return {"disparity_affine": rows.expand(len(rgb), 1, *rgb.shape[-2:])}


def test_a_tile_has_the_number_that_its_protocol_gives_on_its_data_set(rooms, tmp_path):
    data = FullPictures(ManifestDataset(rooms.manifest, rooms.root, SIZE))
    sample = {**data[0], "dataset": "stanford2d3d"}
    entry = draw({"slope": Predictor(Slope(), SIZE)}, sample, tmp_path, "room")
    maps = Slope()(sample["image"][None]), sample["distance"][None], sample["valid"][None]
    rule = "depth_anywhere_released"
    there = pano_losses.evaluate(*maps, rule, dataset="stanford2d3d")["absrel"]  # rows are cut off
    assert there != pytest.approx(pano_losses.evaluate(*maps, rule)["absrel"], rel=0.01)
    assert entry["scores"]["slope"] == {"protocol": rule, "absrel": round(there, 4)}


def test_the_stage_replaces_what_was_there(rooms, tmp_path):
    torch.manual_seed(0)
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.125)
    pano_models.save(network, tmp_path / "unifuse")
    out = tmp_path / "reports" / "gallery"
    out.mkdir(parents=True)
    (out / "old.jpg").write_bytes(b"old")
    model = str(tmp_path / "unifuse")
    gallery([model], {"rooms": rooms}, SIZE, count=2, out=str(out))
    index = json.loads((out / "index.json").read_text())
    assert len(index["rooms"]) == 2
    assert not (out / "old.jpg").exists()
    for entry in index["rooms"]:
        assert set(entry["tiles"]) == {"picture", "truth", model}
        assert all((out / name).is_file() for name in entry["tiles"].values())
        assert entry["scores"][model]["absrel"] > 0
