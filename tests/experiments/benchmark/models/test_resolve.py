"""MODEL resolves to what predicts, or to an error that says what was expected."""

from pathlib import Path
from typing import Any

import pytest
import torch

import pano_models
from experiments.benchmark.models import resolve as models
from experiments.benchmark.models.folder_predictions import PredictionsError

pytest.importorskip("transformers")

from tests.models.teachers.tiny_models import depth_anything


def _batch(size: tuple[int, int], count: int = 1) -> dict[str, Any]:
    """Labels of one size, and pictures of others."""
    pictures = [torch.randint(256, (3, 20 + i, 40 + i), dtype=torch.uint8) for i in range(count)]
    return {"distance": torch.ones(count, 1, *size), "picture": pictures}


@pytest.fixture(scope="module")
def perspective(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Depth Anything of random weights, as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("depth_anything")
    depth_anything().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("options", ["", ",fusion=poisson"])
def test_fusion_over_a_transformers_model(options: str, perspective: Path) -> None:
    predictor = models.resolve(f"fusion:{perspective},rig=cube,view=28{options}", None, (16, 32))
    assert predictor.network == "fusion_baseline"
    maps = predictor.predict(_batch((16, 32), 2), "cpu")
    assert list(maps) == ["disparity_affine"]
    assert maps["disparity_affine"].shape == (2, 1, 16, 32)
    assert torch.isfinite(maps["disparity_affine"]).all()
    assert maps["disparity_affine"].std() > 0


def test_fusions_of_one_model_are_told_apart(perspective: Path) -> None:
    """They have the same weights: a killed run must not go on with what another fusion scored."""
    options = ("", ",fusion=average", ",rig=cube", ",view=40", ",predicts=depth")
    found = [models.resolve(f"fusion:{perspective}{o}", None, (16, 32)).identity for o in options]
    assert len(set(found)) == len(options)
    assert models.resolve(f"fusion:{perspective}", None, (16, 32)).identity == found[0]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("official:da2=", "official:NAME=FILE"),
        ("baseline_latitude", "no `latitude_from`"),
        ("absent_folder", "no model and no folder"),
    ],
)
def test_what_cannot_be_resolved(model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.resolve(model, None, (16, 32))


def test_absent_predictions() -> None:
    with pytest.raises(PredictionsError, match="is no folder"):
        models.resolve("folder:absent,kind=distance_metric", None, (16, 32))


def test_a_training_folder_and_what_identifies_it(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(seed)
        vit = {"patch_size": 8, "embed_dim": 24, "depth": 4, "num_heads": 1, "img_size": 16}
        config = {"backbone_options": vit, "features": 8, "level_channels": [4, 4, 8, 8]}
        pano_models.save(pano_models.create("perspective_vit", **config), tmp_path / name)
    a, b, c = (models.resolve(str(tmp_path / n), None, (16, 32)) for n in "abc")
    assert a.network == "perspective_vit"
    assert a.identity == b.identity != c.identity
    assert list(a.predict(_batch((16, 32)), "cpu")) == ["disparity_affine"]


class Recorder(torch.nn.Module):
    """Return the first channel, with a row less, as DAP's released network at odd sizes."""

    native_size: tuple[int, int] | None = (8, 16)

    def forward(self, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen = rgb.shape[-2:]
        return {"distance_metric": rgb[:, :1, :-1]}


def test_a_network_is_run_at_its_own_size_whatever_is_scored() -> None:
    network = Recorder()
    maps = models.ScoredNetwork(network, "dap").predict(_batch((10, 20), 2), "cpu")
    assert network.seen == (8, 16)
    assert maps["distance_metric"].shape == (2, 1, 10, 20)


def test_a_baseline_is_run_at_the_size_that_is_scored() -> None:
    found = models.resolve("baseline_constant", None, (10, 20))
    assert isinstance(found, models.ScoredNetwork)
    assert found.predictor.size == (10, 20)


def test_the_size_is_part_of_what_identifies_a_network() -> None:
    sizes = ((8, 16), (16, 32))
    assert len({models.ScoredNetwork(Recorder(), "dap", size=s).identity for s in sizes}) == 2
