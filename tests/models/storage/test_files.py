import argparse
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

import pano_models as pm
from pano_models.storage.files import read_state, read_weights

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(3)}


def check(state):
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[k], v) for k, v in STATE.items())


@pytest.mark.parametrize("name", ["m.safetensors", "M.SAFETENSORS"])
def test_safetensors(tmp_path, name):
    save_file(STATE, tmp_path / name)
    check(read_state(tmp_path / name))


@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files_with_their_wrappings(tmp_path, wrap, prefix, legacy):
    state = {prefix + k: v for k, v in STATE.items()}
    content = state if wrap is None else {wrap: state, "epoch": 3, "optimizer": {"lr": 1e-4}}
    torch.save(content, tmp_path / "m.pth", _use_new_zipfile_serialization=not legacy)
    check(read_state(tmp_path / "m.pth"))


def test_prefix_of_some_names_only_stays(tmp_path):
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "m.pth")
    assert set(read_state(tmp_path / "m.pth")) == {"module.a", "b"}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_text_is_told_without_torchs_code_of_a_letter(tmp_path):
    (tmp_path / "m.pth").write_text("hello")
    with pytest.raises(pm.CheckpointError, match=r"m\.pth is truncated or no weight file$"):
        read_state(tmp_path / "m.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("plain_pickle", [True, False])
def test_malicious_pickle_is_refused_and_not_run(tmp_path, plain_pickle):
    target = tmp_path / "owned"
    file = tmp_path / "m.pth"
    if plain_pickle:
        file.write_bytes(pickle.dumps({"a": Bomb(target)}))
    else:
        torch.save({"a": Bomb(target)}, file)
    with pytest.raises(pm.CheckpointError, match=r"not executed|no weight file"):
        read_state(file)
    assert not target.exists()


def test_refusal_names_the_object_and_does_not_advise_to_trust_it(tmp_path):
    torch.save({"a": Bomb(tmp_path / "owned")}, tmp_path / "m.pth")
    with pytest.raises(pm.CheckpointError, match=r"not executed: \w+\.mkdir$") as caught:
        read_state(tmp_path / "m.pth")
    assert "weights_only" not in str(caught.value)


def test_options_of_a_training_script(tmp_path):
    content = {"state_dict": STATE, "args": argparse.Namespace(lr=1e-4), "epoch": 3}
    torch.save(content, tmp_path / "m.pth")
    check(read_state(tmp_path / "m.pth"))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated(tmp_path, suffix, share):
    file = tmp_path / f"m.{suffix}"
    state = {"a": torch.rand(1000)}
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(pm.CheckpointError, match="truncated"):
        read_state(file)


@pytest.mark.parametrize("legacy", [False, True])
def test_flipped_bits_are_told_or_read(tmp_path, legacy):
    """The pickle inside says what is called with what: torch raises whatever that raises."""
    path = tmp_path / "w.pt"
    torch.save({"a": torch.arange(9.0)}, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    told = 0
    for number in range(0, 8 * min(len(whole), 700), 5):
        flipped = bytearray(whole)
        flipped[number // 8] ^= 1 << number % 8
        path.write_bytes(flipped)
        try:
            read_state(path)
        except pm.CheckpointError:
            told += 1
    assert told > 100


@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_values_beside_tensors_are_kept_apart(tmp_path, prefix):
    settings = {
        "layers": 18,
        "dataset": "matterport3d",
        "se_in_fusion": True,
        "lr": 1e-4,
        "n": None,
    }
    torch.save({**{prefix + k: v for k, v in STATE.items()}, **settings}, tmp_path / "m.pth")
    state, read = read_weights(tmp_path / "m.pth")
    check(state)
    assert read == settings


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"epoch": 3},
        [1, 2],
        {"state_dict": {"a": 1}},
        {"a": torch.ones(1), "optimizer": {"lr": 1}},
        {"a": torch.ones(1), "shape": [1]},
    ],
    ids=str,
)
def test_file_without_tensors(tmp_path, content):
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(pm.CheckpointError, match="no state dict"):
        read_state(tmp_path / "m.pth")


def test_missing_file(tmp_path):
    with pytest.raises(pm.ModelNotFoundError, match="no weight file"):
        read_state(tmp_path / "m.pth")
