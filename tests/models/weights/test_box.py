"""The box: what is put in comes out again, and damage is told in a line."""

import json
from pathlib import Path

import pytest
import torch

import pano_models as pm
from pano_models import loading
from pano_models.weights import box as module
from pano_models.weights.box import CATALOGUE, box_folder, box_names, put_into_box

ORIGIN = {"run": "0123", "commit": "abcd", "licence": "Apache-2.0"}


def network(size: tuple[int, int] | None = (64, 128)) -> pm.DepthModel:
    torch.manual_seed(0)
    model = pm.create("pano_small", widths=(8, 8, 8, 8, 8)).eval()
    model.native_size = size
    return model


@pytest.fixture
def box(tmp_path: Path) -> Path:
    put_into_box(network(), "small", ORIGIN, tmp_path)
    return tmp_path


class TestRoundTrip:
    def test_the_same_maps_within_a_half(self, box):
        rgb = torch.rand(1, 3, 64, 128)
        with torch.no_grad():
            expected = network()(rgb)
            found = pm.load(box_folder("small", box))(rgb)
        for key, values in expected.items():
            torch.testing.assert_close(found[key], values, rtol=0.01, atol=1e-3)

    def test_half_the_bytes(self, box, tmp_path):
        pm.save(network(), tmp_path / "full")
        full = (tmp_path / "full/model.safetensors").stat().st_size
        assert (box / "small/model.safetensors").stat().st_size < 0.56 * full

    def test_statistics_of_batch_norms_are_exact(self, tmp_path):
        model = network()
        model.encoder.bn1.running_var.fill_(1e5)  # infinite as a half
        put_into_box(model, "small", ORIGIN, tmp_path)
        found = pm.load(box_folder("small", tmp_path))
        assert found.encoder.bn1.running_var.unique().tolist() == [1e5]

    def test_the_catalogue_says_what_it_was_made_from(self, box):
        assert box_names(box) == ("small",)
        found = json.loads((box / CATALOGUE).read_text())["small"]
        assert len(found.pop("sha256")["model.safetensors"]) == 64
        assert found == ORIGIN

    def test_a_second_network_leaves_the_first(self, box):
        put_into_box(network(), "other", ORIGIN, box)
        assert box_names(box) == ("other", "small")
        assert box_folder("small", box).is_dir()

    def test_a_weight_beyond_a_half_is_refused(self, tmp_path):
        model = network()
        with torch.no_grad():
            model.output.bias.fill_(1e6)
        with pytest.raises(ValueError, match=r"output\.bias reaches 1e\+06, more than a half"):
            put_into_box(model, "small", ORIGIN, tmp_path)

    def test_a_network_without_a_size_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="expected a trained one"):
            put_into_box(network(size=None), "small", ORIGIN, tmp_path)


class TestDamage:
    def test_one_flipped_bit(self, box):
        path = box / "small/model.safetensors"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(pm.CheckpointError, match="damaged or of another version; install"):
            box_folder("small", box)

    def test_another_size_in_the_options(self, box):
        path = box / "small/config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "native_size": [32, 64]}))
        with pytest.raises(pm.CheckpointError, match=r"config\.json has the SHA-256"):
            box_folder("small", box)

    def test_a_missing_file(self, box):
        (box / "small/model.safetensors").unlink()
        with pytest.raises(pm.CheckpointError, match="ships with pano-models; install"):
            box_folder("small", box)

    def test_an_unknown_name(self, box):
        with pytest.raises(pm.ModelNotFoundError, match="no 'large' in the box, expected one of"):
            box_folder("large", box)


class TestLoad:
    def test_by_name(self, box, monkeypatch):
        monkeypatch.setattr(loading, "box_names", lambda: box_names(box))
        monkeypatch.setattr(loading, "box_folder", lambda name: box_folder(name, box))
        found = pm.load("small")
        assert found.native_size == (64, 128)
        assert not found.training

    def test_a_network_without_weights_in_the_box(self):
        with pytest.raises(pm.ModelNotFoundError, match="egformer names a network, and no weights"):
            pm.load("egformer")

    def test_everything_in_the_box_runs(self):
        """What ships: each network loads by its name, with the digest that the catalogue has."""
        for name in box_names():
            model = pm.load(name)
            with torch.no_grad():
                maps = model(torch.rand(1, 3, *model.probe_size))
            assert all(m.isfinite().all() for m in maps.values())

    def test_the_box_stays_small(self):
        weights = sum(f.stat().st_size for f in module.BOX.rglob("*.safetensors"))
        assert weights <= 16e6
