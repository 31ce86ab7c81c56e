"""Every stage of params.paper.yaml has an estimate; hours follow the machines."""

from pathlib import Path

import pytest

from experiments.estimate import stages, trainings
from experiments.estimate.__main__ import costs_of
from experiments.estimate.sizes import LABEL_BYTES, PACKED_BYTES
from experiments.estimate.stages import Estimator, Machine, StageCost
from experiments.pipeline import overlay, params
from experiments.pipeline.closure.stages import commands
from tests.experiments.tiny import ROOT

PAPER = ROOT / "params.paper.yaml"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting FLOPs takes a minute, and is tested beside."""
    monkeypatch.setattr(trainings, "network_flops", lambda net, shape: 10**12)
    monkeypatch.setattr(trainings, "teacher_flops", lambda: 10**12)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("name", ["params.paper.yaml", "params.rehearsal.yaml"])
def test_every_stage_has_an_estimate(name: str) -> None:
    estimator = Estimator(ROOT / name)
    found = {c.name: estimator.cost(c) for c in commands(ROOT, estimator.sections)}
    work = {n: c for n, c in found.items() if not n.startswith("worlds")}
    assert len(work) > 50
    assert all(c.gpu_hours + c.cpu_hours > 0 for c in work.values())
    label = found["dap_label_1@dap2m_unlabelled"]
    assert label.panoramas == 1_900_000
    assert label.gpu_hours == pytest.approx(1.9e6 * 1e12 / (989e12 * 0.45) / 3600)
    assert (label.read, label.written) == (1.9e6 * PACKED_BYTES, 1.9e6 * LABEL_BYTES)
    assert found["da2_curate@hypersim"].panoramas == 39649


def test_every_stage_of_dvc_yaml_is_known_by_its_name() -> None:
    written = params.read_params(PAPER)
    sections = overlay.with_alternatives(written, overlay.alternatives(written))
    named = {command.stage for command in commands(ROOT, sections)}
    assert named <= set(stages._KINDS)
    assert {"da2_outpaint", "train_da2_outpainted", "train_da2_authors"} <= named


def test_flux_takes_nine_days_of_64_gpus(tmp_path: Path) -> None:
    """DA², supplement E, is what the constant stands for."""
    (tmp_path / "params.yaml").write_text(
        "common: {}\n"
        "da2_curate_ken_burns: {manifest: data/manifests/ken_burns/train.parquet, "
        "outpainter: {class_path: pano_data.curation.FluxOutpainter}}\n"
    )
    estimator = Estimator(tmp_path / "params.yaml")
    command = next(
        c for c in commands(ROOT, params.read_params(PAPER)) if c.name == "da2_curate@ken_burns"
    )
    cost = estimator.cost(command)
    assert cost.gpu_hours == pytest.approx(151_996 / 543_425 * 64 * 9 * 24)
    assert cost.cpu_hours < 151_996 * 0.1 / 3600 < 24  # no reflection beside it


@pytest.mark.usefixtures("counted")
def test_an_alternative_costs_what_its_stages_do() -> None:
    without, released, painted = (
        costs_of(PAPER, names) for names in ((), ("released",), ("outpainted",))
    )
    assert set(released) - set(without) == {
        "manifest@da2_curated",
        "train_da2_authors@da2_authors",
    }
    assert released["train_da2_authors@da2_authors"] == without["train_da2"]
    sets = {n for n in painted if n.startswith("da2_outpaint@")}
    assert set(painted) - set(without) == {*sets, "train_da2_outpainted@da2_outpainted"}
    # all that the paper counts, with all 290,400 frames of Dynamic Replica
    assert sum(painted[n].panoramas for n in sets) == 543_425 + 600
    hours = sum(painted[n].gpu_hours for n in sets)
    assert hours == pytest.approx(64 * 9 * 24 * (543_425 + 600) / 543_425)


@pytest.mark.parametrize(
    ("cost", "one", "four"),
    [
        (StageCost(gpu_hours=80), 10, 2.5),
        (StageCost(gpu_hours=80, processes=1), 80, 80),  # a student on its one GPU
        (StageCost(gpu_hours=80, processes=16), 10, 5),
        (StageCost(cpu_hours=960), 10, 2.5),
        (StageCost(cpu_hours=120, processes=1), 10, 10),
        (StageCost(read=18e12, written=18e12), 10, 2.5),
        (StageCost(read=36e12, processes=1), 10, 10),
        (StageCost(gpu_hours=8, cpu_hours=960, read=1e12), 10, 2.5),  # the slowest counts
    ],
)
def test_hours_by_the_clock(cost: StageCost, one: float, four: float) -> None:
    assert cost.hours(Machine(nodes=1)) == pytest.approx(one)
    assert cost.hours(Machine(nodes=4)) == pytest.approx(four)
