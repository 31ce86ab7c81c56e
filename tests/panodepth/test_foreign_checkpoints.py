"""Checkpoints of DA360, PanDA and others are refused by name."""

from pathlib import Path

import pytest
import torch

from pano_models.weights import da2, dap
from panodepth import foreign_checkpoints
from panodepth.errors import CommandError
from panodepth.prediction import load_predictor


def checkpoint(name: str, path: Path) -> Path:
    """A file with the tensor by which a network is known, and the settings that DA360 keeps."""
    state = {foreign_checkpoints.FOREIGN[name].signature: torch.zeros(1, 1, 8), "height": 518}
    torch.save(state, path)
    return path


@pytest.mark.parametrize("name", foreign_checkpoints.FOREIGN)
@pytest.mark.parametrize("asked", ["da2", "dap"])
def test_a_file_of_another_network_is_called_by_its_name(
    name: str, asked: str, tmp_path: Path
) -> None:
    file = checkpoint(name, tmp_path / "model.pth")
    with pytest.raises(CommandError, match=f"no {asked} checkpoint.*looks like a.*of {name}$"):
        load_predictor(f"official:{asked}={file}", "cpu")


@pytest.mark.parametrize("name", foreign_checkpoints.FOREIGN)
def test_asked_for_by_its_name_it_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    file = checkpoint(name, tmp_path / "model.pth")
    title = foreign_checkpoints.FOREIGN[name].title.split(" ")[0]
    with pytest.raises(CommandError, match=f"{title} .*does not have: .*panodepth evaluate"):
        load_predictor(f"official:{name}={file}", "cpu")


def test_no_release_of_ours_has_their_tensors() -> None:
    signatures = {foreign.signature for foreign in foreign_checkpoints.FOREIGN.values()}
    assert len(signatures) == len(foreign_checkpoints.FOREIGN)
    assert not [s for s in signatures if da2.KEYS.to_ours(s) or dap.KEYS.to_ours(s)]
