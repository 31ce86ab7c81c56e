from pathlib import Path

import pytest
import torch
from torch import nn

from panodepth.errors import CommandError
from panodepth.network import DEFAULT_HEIGHT, load_network, working_height


def test_the_working_height_is_that_of_the_training(tmp_path: Path) -> None:
    network = nn.Identity()
    assert working_height(str(tmp_path), network) == DEFAULT_HEIGHT
    network.max_pixels = 620_000
    assert working_height(str(tmp_path), network) == 556
    network.native_size = (546, 1092)  # 556 rows would turn DA²'s released sphere by 9 degrees
    assert working_height(str(tmp_path), network) == 546
    (tmp_path / "config.yaml").write_text("data: {size: [128, 256], batch_size: 8}")
    assert working_height(str(tmp_path), network) == 128


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match="runs/nothing: no such folder; train it first"):
        load_network("runs/nothing", torch.device("cpu"))


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be loaded"):
        load_network(str(tmp_path), torch.device("cpu"))
