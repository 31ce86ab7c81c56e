import json

import pytest
import torch

import pano_models as pm


@pytest.fixture
def folder(tmp_path, tiny_da2):
    torch.manual_seed(0)
    model = pm.create("da2", **tiny_da2)
    return model, pm.save(model, tmp_path / "runs" / "da2")


def test_round_trip_is_bit_equal(folder):
    model, path = folder
    rgb = torch.rand(1, 3, 70, 140)
    loaded = pm.load(path)
    assert not loaded.training
    assert loaded.spec == model.spec
    key = pm.outputs.DISTANCE_SCALE_INVARIANT
    assert torch.equal(loaded(rgb)[key], model.eval()(rgb)[key])


def test_folder_holds_exactly_the_two_files(folder):
    _, path = folder
    assert sorted(p.name for p in path.iterdir()) == ["config.json", "model.safetensors"]
    assert json.loads((path / "config.json").read_text())["name"] == "da2"


def test_loading_leaves_the_random_stream_alone(folder):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    pm.load(folder[1])
    assert torch.equal(torch.rand(3), expected)


def test_failed_write_leaves_the_old_file(folder, monkeypatch):
    model, path = folder
    before = (path / "model.safetensors").read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("pano_models.storage.model_folder.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        pm.save(model, path)
    assert (path / "model.safetensors").read_bytes() == before
    assert sorted(p.name for p in path.iterdir()) == ["config.json", "model.safetensors"]


def test_missing_folder(tmp_path):
    with pytest.raises(pm.ModelNotFoundError, match=r"no folder .*nothing"):
        pm.load(tmp_path / "nothing")


def test_truncated_weights(folder):
    _, path = folder
    data = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(pm.CheckpointError, match="truncated"):
        pm.load(path)


def test_weights_of_another_model(folder):
    _, path = folder
    config = json.loads((path / "config.json").read_text())
    config["config"]["width"] = 64
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(pm.CheckpointError, match="do not fit"):
        pm.load(path)


def test_weights_of_a_training_that_diverged(folder):
    model, path = folder
    name, parameter = next(iter(model.named_parameters()))
    with torch.no_grad():
        parameter.flatten()[3] = float("nan")
    pm.save(model, path)
    for load in (pm.load, pm.DA2.from_pretrained):
        with pytest.raises(pm.CheckpointError, match=rf"NaN or infinite: {name} \(1 of .*earlier"):
            load(path)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"name": "da2"}', '{"name": "da2", "config": []}', "[" * 100_000,
     '{"name": [], "config": {}}', '{"name": "da2", "config": {"widht": 3}}',
     '{"name": "da2", "config": {"width": "x"}}', '{"name": "unifuse", "config": {"width": -1}}',
     '{"name": "unifuse", "config": {"width": 1e9}}', '{"name": "da2", "config": {"heads": 0}}'],
)  # fmt: skip
def test_broken_config(folder, text):
    (folder[1] / "config.json").write_text(text)
    with pytest.raises(pm.CheckpointError):
        pm.load(folder[1])


def test_size_of_the_training_comes_back(folder):
    model, path = folder
    assert "native_size" not in json.loads((path / "config.json").read_text())
    pm.save(model, path, native_size=(70, 140))
    assert pm.load(path).native_size == (70, 140)
    again = pm.save(pm.load(path), path.with_name("again"))  # nobody has to say it twice
    assert pm.load(again).native_size == (70, 140)


@pytest.mark.parametrize("size", [[70], [70, 140, 3], [0, 140], ["70", "140"], 70])
def test_size_that_is_no_size(folder, size):
    config = json.loads((folder[1] / "config.json").read_text())
    (folder[1] / "config.json").write_text(json.dumps({**config, "native_size": size}))
    with pytest.raises(
        pm.CheckpointError, match=r"the size in .*config\.json.*expected \[height, width\]"
    ):
        pm.load(folder[1])


def test_size_of_an_older_folder_stands_in_the_settings_of_its_training(folder):
    _, path = folder
    (path / "config.yaml").write_text("data:\n  size: [64, 128]\n")
    assert pm.load(path).native_size == (64, 128)
    pm.save(folder[0], path, native_size=(70, 140))
    assert pm.load(path).native_size == (70, 140)


@pytest.mark.parametrize("text", ["", "data:", "data: {batch_size: 2}", "[1, 2]"])
def test_settings_without_a_size(folder, text):
    (folder[1] / "config.yaml").write_text(text)
    assert pm.load(folder[1]).native_size is None


@pytest.mark.parametrize("text", ["data: {size: [64]}", "data: {size: ["])
def test_settings_that_are_damaged(folder, text):
    (folder[1] / "config.yaml").write_text(text)
    with pytest.raises(pm.CheckpointError, match=r"config\.yaml"):
        pm.load(folder[1])


def test_hub_id_is_fetched_in_our_layout(folder, monkeypatch):
    model, path = folder
    asked = []

    def snapshot(repo, allow_patterns):
        asked.append((repo, allow_patterns))
        return str(path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert pm.load("someone/da2-small").spec == model.spec
    assert asked == [("someone/da2-small", ["config.json", "model.safetensors"])]


def test_hub_out_of_reach(monkeypatch):
    def snapshot(repo, allow_patterns):
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    with pytest.raises(pm.ModelNotFoundError, match="cannot be reached: no route"):
        pm.load("someone/da2-small")


@pytest.mark.parametrize("there", [False, True])
def test_training_that_was_never_run_is_not_looked_for_at_the_hub(there, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if there:
        (tmp_path / "runs").mkdir()
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    with pytest.raises(pm.ModelNotFoundError, match=r"no folder runs/da2 here; train it first"):
        pm.load("runs/da2")


def test_path_beside_an_existing_folder_never_asks_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    with pytest.raises(pm.ModelNotFoundError, match="no folder mine/da2"):
        pm.load("mine/da2")
