"""The way of one sample from disk to batch stays short: packages/data/README.md lists it."""

import dataclasses
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import default_collate

import pano_data
from pano_data import datasets
from pano_data.io.encode import write_png
from pano_data.manifest import write_manifest
from pano_data.reader import ManifestDataset, TrainingSet
from pano_data.sampler import Draw
from pano_data.transforms import Colour, Compose, Flip, Limit, Roll
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

OURS = Path(pano_data.__file__).parent
README = OURS.parents[1] / "README.md"
MAX_FILES, MAX_STEPS, MAX_NESTED = 6, 8, 8


class Trace:
    """Calls of functions of this package, as `(caller, called)` and by depth."""

    def __init__(self):
        self.stack, self.calls, self.files, self.deepest = [], [], set(), 0

    def __call__(self, frame, event, _):
        code = frame.f_code
        if not code.co_filename.startswith(str(OURS)) or code.co_name.startswith("<"):
            return  # comprehensions are no calls of ours
        name = Path(code.co_filename).relative_to(OURS).as_posix() + ":" + code.co_qualname
        if event == "call":
            self.calls.append((self.stack[-1] if self.stack else None, name))
            self.files.add(name.partition(":")[0])
            self.stack.append(name)
            self.deepest = max(self.deepest, len(self.stack))
        elif event == "return":
            self.stack.pop()


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """A masked, labelled sample with edges left out, resized, augmented and collated."""
    root = tmp_path_factory.mktemp("structured3d")
    miniatures.write("structured3d", root, scenes={"train": 1}, size=(32, 64), studio=BoxStudio())
    (row,) = datasets.get("structured3d").rows(root, "train", edge_margin=1)
    write_png(root / "mask.png", np.full((32, 64), 255, np.uint8))
    manifest = write_manifest(root / "m.parquet", [dataclasses.replace(row, mask="mask.png")])
    augment = Compose([Roll(), Flip(), Limit(10.0), Colour()])
    data = TrainingSet([ManifestDataset(manifest, root, (16, 32))], augment=augment)
    seen = Trace()
    sys.setprofile(seen)
    try:
        batch = default_collate([data[Draw(source=0, row=0, seed=1)]])
    finally:
        sys.setprofile(None)
    assert batch["valid"].any()
    assert batch["image"].shape == (1, 3, 16, 32)
    return seen


def test_few_files(trace):
    assert len(trace.files) <= MAX_FILES, sorted(trace.files)


def test_calls_are_not_deeply_nested(trace):
    assert trace.deepest <= MAX_NESTED


def test_few_steps_and_the_readme_lists_them_in_this_order(trace):
    """The steps are what the data set and the reader call; what those do inside is their affair."""
    children = defaultdict(list)
    for caller, called in trace.calls:
        children[caller].append(called)
    steps = [c for caller, c in trace.calls if caller in TRUNK and c not in TRUNK]
    names = [step.partition(":")[2] for step in steps]
    assert len(names) <= MAX_STEPS, names
    section = README.read_text().partition("## One sample")[2].partition("\n## ")[0]
    listed = re.findall(r"^\d+\. `([\w.]+)`", section, re.MULTILINE)
    assert listed == names


TRUNK = {
    "reader.py:TrainingSet.__getitem__",
    "reader.py:ManifestDataset.__getitem__",
    "reader.py:read",
}
