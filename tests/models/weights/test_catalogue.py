"""`list_models`: what it says of each model is what the model does."""

from pathlib import Path

import pytest
import torch

import pano_models as pm
from pano_models.weights import catalogue
from pano_models.weights.cache import weight_path
from pano_models.weights.published import published
from panodepth.foreign_checkpoints import FOREIGN
from tests.models.weights.test_student_releases import checkpoint
from tests.parity import stand_in


@pytest.fixture(autouse=True)
def no_cache_of_a_person(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def entry(model: str, folder: Path, **options: bool) -> pm.ModelEntry:
    return next(e for e in pm.list_models(folder=folder, **options) if e.model == model)


def test_every_model_that_can_be_named_is_listed_once(tmp_path):
    names = [e.model for e in pm.list_models(folder=tmp_path)]
    assert len(names) == len(set(names))
    releases = set(pm.release_names()) - set(FOREIGN)  # which panodepth adds, to refuse them
    assert {f"official:{name}" for name in releases} <= set(names)
    assert {"pano_small", "worlds_view"} <= set(names)
    teachers = [e.model for e in pm.list_models(folder=tmp_path) if e.kind == "teacher"]
    assert {f"fusion:{t}" for t in teachers if "/" in t} <= set(names)
    assert all(e.licence for e in pm.list_models(folder=tmp_path))


@pytest.mark.parametrize("name", ["pano_small", "worlds_view"])
def test_models_in_the_box(name, tmp_path):
    about, network = entry(name, tmp_path), pm.load(name)
    assert network.native_size == about.native_size
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, *about.native_size))
    assert pm.geometry_key(maps) == about.predicts
    assert about.size == about.file.stat().st_size


@pytest.mark.parametrize("name", ["unifuse", "bifuse_plus", "hohonet", "egformer"])
@pytest.mark.parametrize("ending", ["", "_depth_anywhere"])
def test_students_run_at_the_size_that_is_listed(name, ending, tmp_path):
    about = entry(f"official:{name}{ending}", tmp_path)
    with stand_in.undrawn():
        network = pm.load_official(name + ending, checkpoint(name))
    assert network.native_size == about.native_size
    assert (
        about.predicts
        == {"metric": pm.DISTANCE_METRIC, "affine": pm.DISPARITY_AFFINE}[
            network.spec.config["head"]
        ]
    )


def test_large_networks_run_at_the_size_that_is_listed(tiny_da2, tiny_dap, tmp_path):
    for name, options in (("da2", tiny_da2), ("dap", tiny_dap)):
        about = entry(f"official:{name}", tmp_path)
        network = pm.create(name, faithful=True, **options).eval()
        assert network.native_size == about.native_size
        with torch.inference_mode():
            assert pm.geometry_key(network(torch.rand(1, 3, 64, 128))) == about.predicts


def test_presence_and_digest(tmp_path):
    before = entry("official:unifuse", tmp_path)
    assert (before.file, before.sha256, before.digest_from) == (None, None, "none published")
    place = weight_path(published("unifuse"), tmp_path)
    place.parent.mkdir()
    place.write_bytes(b"12345")
    pm.fetch_weights("unifuse", tmp_path)
    after = entry("official:unifuse", tmp_path)
    assert (after.file, after.size, after.digest_from) == (place, 5, "first use")


def test_damaged_file_is_found_when_asked_to_verify(tmp_path):
    place = weight_path(published("unifuse"), tmp_path)
    place.parent.mkdir()
    place.write_bytes(b"12345")
    pm.fetch_weights("unifuse", tmp_path)
    place.write_bytes(b"12346")
    assert entry("official:unifuse", tmp_path).problem == ""
    assert "SHA-256" in entry("official:unifuse", tmp_path, verify=True).problem


def test_damaged_record_is_a_problem_of_one_model(tmp_path):
    record = weight_path(published("dap"), tmp_path)
    record.parent.mkdir()
    record.with_name(record.name + ".json").write_text("{")
    assert "is no record" in entry("official:dap", tmp_path).problem
    assert entry("official:da2", tmp_path).digest_from == catalogue.NO_DIGEST
