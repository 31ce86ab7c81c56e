"""`panodepth predict --model box`: the analytic room in the place of a trained network."""

from pathlib import Path

import pytest
from torch import nn

from panodepth.cli import main


@pytest.fixture
def box_model(box_room: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MODEL `box` be the analytic network; there is no other."""

    def load(model: str) -> nn.Module:
        if model != "box":
            raise ValueError(f"no model {model!r}")
        return box_room

    monkeypatch.setattr("pano_models.load", load)


def predict_box(out: Path, *words: object) -> int:
    """Run `panodepth predict ... --model box --out OUT` and return its exit code."""
    return main(["predict", *map(str, words), "--model", "box", "--out", str(out)])
