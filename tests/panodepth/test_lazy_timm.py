"""What a first prediction imports, in a fresh process."""

import subprocess
import sys

import pytest

PREDICTS = """
import sys
import numpy as np
import panodepth
model = panodepth.load_predictor("pano_small", "cpu")
room = panodepth.predict(np.full((160, 320, 3), 90, np.uint8), model)
assert "timm" in sys.modules and np.isfinite(room.distance).all()
print("torchvision" in sys.modules)
"""
ASKS_LATER = (
    PREDICTS
    + """
import timm.data
from timm.data import IMAGENET_DEFAULT_MEAN, create_transform
print(IMAGENET_DEFAULT_MEAN, len(create_transform((3, 32, 32)).transforms) > 1)
print("torchvision" in sys.modules)
"""
)


def _run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_prediction_needs_no_torchvision_and_timms_data_are_whole_when_asked_for() -> None:
    pytest.importorskip("torchvision")
    assert _run(ASKS_LATER) == ["False", "(0.485, 0.456, 0.406) True", "True"]


def test_what_was_imported_before_stays() -> None:
    pytest.importorskip("torchvision")
    assert _run("import timm.data\n" + PREDICTS) == ["True"]
