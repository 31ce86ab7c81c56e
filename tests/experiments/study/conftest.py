"""A small pipeline of real commands, and three arms over it."""

from pathlib import Path

import pytest

from experiments.study import plan, queue
from experiments.study.claims import Arm, Claim, Published, Scale, Study

PARAMS = """
common: {seed_everything: 1}
datasets:
  set: {test: {manifest: data/manifests/set/test.parquet, root: data/raw/set}}
curate: {paint: reflect}
net: {steps: 5, die_at: 0, loss: {sharp: 1, flat: 2}}
evaluate: {datasets: {}, protocols: [], size: [4, 8], latitude_from: 1}
"""
PIPELINE = """
stages:
  manifest:
    cmd: python -m stage manifest
    deps: [data/raw/set]
    params: [datasets]
    outs: [data/manifests/set]
  curate:
    cmd: python -m stage curate
    deps: [data/manifests/set, experiments/x.py]
    params: [curate]
    outs: [{data/curated/set: {persist: true}}]
  train:
    cmd: python -m stage train
    deps: [data/curated]
    params: [common, net]
    outs: [runs/net]
"""
STAGE = """
import json, sys, time
from pathlib import Path
import yaml

values = yaml.safe_load(Path("params.yaml").read_text())

def out(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content))

if sys.argv[1] == "curate":
    rows = json.loads(Path("data/manifests/set/rows.json").read_text())
    out("data/curated/set/index.json", {"rows": rows, "paint": values["curate"]["paint"]})
elif sys.argv[1] == "train":
    state = Path(".runs/net/step")
    at = json.loads(state.read_text()) if state.is_file() else []
    while len(at) < values["net"]["steps"]:
        out(state, at := [*at, len(at) + 1])
        if len(at) == values["net"]["die_at"] and not Path("died").exists():
            Path("died").touch()
            time.sleep(60)
    index = json.loads(Path("data/curated/set/index.json").read_text())
    seed = values["common"]["seed_everything"]
    told = {"paint": index["paint"], "seed": seed, "steps": at, "argv": sys.argv}
    out("runs/net/model.json", told)
else:
    model = json.loads(Path("runs/net/model.json").read_text())
    out("reports/scores/net/scores.json", model)
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Root of a clone with its stages, its values and the data that the study starts from."""
    root = tmp_path / "clone"
    for folder in ("data/manifests/set", "data/raw/set", "data/curated/set"):
        (root / folder).mkdir(parents=True)
    (root / "data/manifests/set/rows.json").write_text("[1, 2]")
    (root / "data/curated/set/index.json").write_text('{"rows": [1, 2], "paint": "pipeline"}')
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "stage.py").write_text(STAGE)
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setattr(plan, "EVALUATE", "stage")
    monkeypatch.setattr(queue, "training_digest", lambda module: "today")
    monkeypatch.setattr(queue, "POLL_S", 0.02)  # a step takes a fraction of a second here
    monkeypatch.setattr(queue, "WAIT_S", 0.1)
    return root


@pytest.fixture
def study() -> Study:
    """Three arms: the usual one, one with another curation, one with another training."""
    arms = {
        "usual": Arm("usual", "train", "net"),
        "black": Arm("black", "train", "net", {"curate": {"paint": None}}),
        "blunt": Arm("blunt", "train", "net", {"net": {"loss": {"sharp": 0}}}),
    }

    def claim(name: str, other: str) -> Claim:
        contrasts = {f"against {other}": {"usual": 1.0, other: -1.0}}
        published = Published("none")
        return Claim(name, "It helps", "P", contrasts, "da2_paper", "absrel", ("set",), published)

    claims = {"paint": claim("paint", "black"), "sharp": claim("sharp", "blunt")}
    scale = Scale("default", "params.yaml", (1, 2), {"net": {"steps": 3}})
    return Study(claims, arms, {"default": scale}, ("common.seed_everything",))
