"""The students' checkpoints: published names in and out, nothing dropped in silence."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import pano_models as pm
from tests.parity import stand_in

PARITY = Path(__file__).parents[2] / "parity"
FOLDERS = {
    "unifuse": "unifuse",
    "bifuse_plus": "bifusepp",
    "hohonet": "hohonet",
    "egformer": "egformer",
}
# what the published files hold beside the weights
GEOMETRY = {
    "unifuse": {"max_depth": [], "projectors.0.sample_grid": [1, 1, 8, 16, 3]},
    "bifuse_plus": {"dnet.ce.c2e.(4).XY_0": [16, 2], "dnet.f1.CE.e2c.(64).grid_": [6, 8, 8, 2]},
    "hohonet": {"x_mean": [1, 3, 1, 1], "modalities.0.basis": [64, 512]},
    "egformer": {"rpe.table": [4, 4]},
}


@pytest.fixture(autouse=True)
def undrawn():
    with stand_in.undrawn():
        yield


def shapes(name: str) -> dict[str, list[int]]:
    return json.loads((PARITY / FOLDERS[name] / "keys.json").read_text())


def checkpoint(name: str) -> dict[str, torch.Tensor]:
    """Every published tensor, its values cheap: a constant per tensor."""
    return {
        key: torch.full(tuple(shape), 0.01 * (i % 50), dtype=dtype_of(key))
        for i, (key, shape) in enumerate(shapes(name).items())
    }


def dtype_of(key: str) -> torch.dtype:
    return torch.int64 if key.endswith("num_batches_tracked") else torch.float32


@pytest.mark.parametrize("name", FOLDERS)
class TestEveryStudent:
    def test_round_trip_in_published_names(self, name):
        state = checkpoint(name)
        exported = pm.export_official(pm.load_official(name, state))
        exported.pop("max_depth", None)
        assert set(exported) == set(state)
        unused = {"norm.weight", "norm.bias"} if name == "egformer" else set()
        assert all(torch.equal(exported[k], state[k]) for k in set(state) - unused)

    def test_extra_entries_are_dropped_with_their_reason(self, name):
        extra = {key: torch.full(tuple(s), 10.0) for key, s in GEOMETRY[name].items()}
        model = pm.load_official(name, {**checkpoint(name), **extra})
        reported = model.load_report.dropped
        assert set(extra) - set(reported) == ({"max_depth"} if name == "unifuse" else set())
        assert all(len(reason) > 10 for reason in reported.values())

    def test_missing_tensor_is_named(self, name):
        state = checkpoint(name)
        lost = [k for k in state if k.endswith("weight") and "norm" not in k][-1]
        del state[lost]
        with pytest.raises(pm.CheckpointError, match="missing"):
            pm.load_official(name, state)

    def test_file_of_another_student(self, name, tmp_path):
        other = "hohonet" if name != "hohonet" else "unifuse"
        file = tmp_path / "weights.safetensors"
        save_file(checkpoint(other), file)
        with pytest.raises(pm.CheckpointError, match=f"no {name} checkpoint"):
            pm.load(f"official:{name}={file}")

    def test_data_parallel_file(self, name, tmp_path):
        file = tmp_path / "weights.pth"
        torch.save({"model": {f"module.{k}": v for k, v in checkpoint(name).items()}}, file)
        loaded = pm.load(f"official:{name}={file}")
        assert loaded.spec.name == name
        assert not loaded.training

    def test_depth_anywhere_predicts_disparity(self, name):
        original = pm.load_official(name, checkpoint(name))
        student = pm.load_official(f"{name}_depth_anywhere", checkpoint(name))
        assert original.key == "distance_metric"
        assert student.key == "disparity_affine"


def test_unknown_entries_of_a_depth_anywhere_egformer_are_errors():
    state = {**checkpoint("egformer"), "rpe.table": torch.zeros(4, 4)}
    with pytest.raises(pm.CheckpointError, match=r"unexpected: rpe\.table"):
        pm.load_official("egformer_depth_anywhere", state)


class TestUniFuse:
    def test_options_are_read_off_the_checkpoint(self):
        state = {**checkpoint("unifuse"), "max_depth": torch.tensor(8.0)}
        assert pm.load_official("unifuse", state).spec.config["max_depth"] == 8.0
        assert pm.load_official("unifuse", state).spec.config["backbone"] == "resnet18"

    def test_settings_that_the_authors_script_writes_among_the_tensors(self, tmp_path):
        settings = {
            "layers": 18,
            "height": 256,
            "width": 512,
            "dataset": "3d60",
            "net": "UniFuse",
            "fusion": "cee",
            "se_in_fusion": True,
        }
        torch.save({**checkpoint("unifuse"), **settings}, tmp_path / "model.pth")
        model = pm.load(f"official:unifuse={tmp_path / 'model.pth'}")
        assert set(settings) <= set(model.load_report.dropped)
        assert model.max_height == 256
        wider = pm.load_official("unifuse", tmp_path / "model.pth", max_height=512)
        assert wider.max_height == 512

    def test_same_weights_without_the_quirks(self):
        state = stand_in.state_dict(PARITY / "unifuse" / "keys.json")
        faithful = pm.load_official("unifuse", state)
        exact = pm.load_official("unifuse", state, faithful=False)
        equivariant = pm.load_official("unifuse", state, faithful=False, equivariant=True)
        rgb = stand_in.image(64, 128)
        with torch.no_grad():
            released, exact_out = (m(rgb)["distance_metric"] for m in (faithful, exact))
            assert equivariant(rgb)["distance_metric"].shape == released.shape
        # the geometry differs by a fraction of a feature pixel, the picture stays the same
        assert 1e-5 < (released - exact_out).abs().mean() < 0.3


def test_hohonet_height_is_read_off_the_checkpoint():
    changed = json.loads((PARITY / "hohonet" / "keys_256_changed.json").read_text())
    state = checkpoint("hohonet") | {k: torch.zeros(s) for k, s in changed.items()}
    assert pm.load_official("hohonet", state).height == 256


def test_depth_anywhere_hohonet_normalises_twice():
    loaded = pm.load_official("hohonet_depth_anywhere", checkpoint("hohonet"))
    assert loaded.normalizations == 2


@pytest.mark.parametrize("name", ["unifuse", "bifuse_plus", "egformer"])
def test_large_panoramas_run_at_the_released_height(name):
    assert pm.load_official(name, checkpoint(name)).max_height == 512
    assert pm.load_official(name, checkpoint(name), max_height=256).max_height == 256
