"""params.paper.yaml.

Every stage's configuration, one network of each kind on the meta device, the cost.
"""

import contextlib
import inspect
import io
from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser

from experiments.benchmark.evaluate.stage import evaluate
from experiments.da2.curate import curate as da2_curate
from experiments.dap.curate import curate as dap_curate
from experiments.dap.label import label
from experiments.depth_anywhere.mask import mask
from experiments.estimate import trainings as estimate
from experiments.pipeline import overlay, params
from experiments.pipeline.overlay import ALTERNATIVES
from experiments.training.params_cli import ParamsCLI
from pano_data import datasets

ROOT = Path(__file__).parents[3]
PAPER = ROOT / "params.paper.yaml"
WRITTEN = params.read_params(PAPER)
SECTIONS = {name: params.resolved(WRITTEN, name) for name in WRITTEN}
TRAININGS = [
    n for n, s in SECTIONS.items()
    if isinstance(s.get("model"), dict) and "net" in s["model"]["init_args"]
]  # fmt: skip
FUNCTIONS = {
    **{
        f"da2_{stage}_{n}": da2_curate
        for stage in ("curate", "outpaint")
        for n in SECTIONS["pipeline"]["curated"]
    },
    **{n: label for n in SECTIONS if n.startswith("dap_label_")},
    "depth_anywhere_masks_spatialaudiogen": mask,
    "dap_curate": dap_curate,
}


@pytest.fixture(scope="module")
def composed() -> str:
    return overlay.compose(PAPER)


def paper_of(section: str) -> str:
    return next(p for p in ("depth_anywhere", "da2", "dap") if section.startswith(p))


@pytest.mark.parametrize("section", TRAININGS)
def test_a_training_is_accepted(
    section: str, composed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text(composed)
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        ParamsCLI(paper_of(section), section, ["fit", "--print_config"])
    assert stop.value.code == 0
    assert yaml.safe_load(out.getvalue())["data"]["size"] == [512, 1024]


@pytest.mark.parametrize("section", FUNCTIONS)
def test_a_stage_that_is_a_function_is_accepted(section: str) -> None:
    parser = ArgumentParser()
    parser.add_function_arguments(FUNCTIONS[section])
    parsed = parser.parse_string(params.section_text(section, PAPER))
    assert parsed.out == SECTIONS[section]["out"]


def test_evaluation_is_accepted() -> None:
    given = inspect.signature(evaluate).parameters
    assert set(SECTIONS["evaluate"]) <= set(given)


def test_a_section_of_the_default_is_missing_only_where_the_papers_need_none() -> None:
    default = set(params.read_params(ROOT / "params.yaml"))
    # A published teacher is loaded; ZInD stands for DAP's web panoramas in the embedded default
    # only.
    assert default - set(WRITTEN) == {
        "depth_anywhere_teacher",
        "depth_anywhere_masks_structured3d_unlabelled",
        "dap_label_1_zind",
        "dap_label_2_zind",
    }


def test_loops_name_sections_and_data_sets_that_exist() -> None:
    loops = WRITTEN["pipeline"]
    assert set(loops["manifests"]) <= set(datasets.names())
    assert {f"da2_curate_{name}" for name in loops["curated"]} <= set(WRITTEN)
    assert set(loops["students"] + loops["metric"] + loops["evaluated"]) <= set(TRAININGS)
    others = [loops[ALTERNATIVES][n].get("manifests", []) for n in loops[ALTERNATIVES]]
    made = {name for names in (loops["manifests"], *others) for name in names}
    read = {
        part.split("/")[2]
        for name, section in SECTIONS.items()
        if name != "datasets"  # names those of the default as well
        for part in yaml.safe_dump(section).split()
        if part.startswith("data/manifests/")
    }
    assert read <= made
    assert made <= set(SECTIONS["datasets"])


@pytest.mark.parametrize("section", ["da2", "da2_authors", "da2_outpainted"])
def test_da2_sees_768_panoramas_a_step_in_the_shares_of_table_4(section: str) -> None:
    cost = estimate.training_cost({**params.merged(SECTIONS["common"], SECTIONS[section])})
    assert (cost.steps, cost.samples) == (5000, 768 * 5000)
    sizes = {  # those of the paper; two splits of Structured3D together
        "hypersim": 39649, "vkitti2": 33580, "mvs_synth": 12000, "unrealstereo4k": 16400,
        "ken_burns": 151996, "dynamic_replica": 289800, "structured3d": 63097,
    }  # fmt: skip
    train = dict(SECTIONS[section]["data"]["train"])
    assert train.pop("structured3d_val")["weight"] == train["structured3d"]["weight"]
    drawn = {n: sizes[n] * s["weight"] for n, s in train.items()}
    shares = {n: round(100 * d / sum(drawn.values()), 2) for n, d in drawn.items()}
    assert shares == pytest.approx(
        {
            "hypersim": 16.59, "vkitti2": 14.05, "mvs_synth": 5.02, "unrealstereo4k": 6.86,
            "ken_burns": 15.91, "dynamic_replica": 15.16, "structured3d": 26.41,
        },
        abs=0.02,
    )  # fmt: skip


def test_networks_are_those_of_the_papers() -> None:
    net = estimate.build(SECTIONS["da2"]["model"]["init_args"]["net"])
    assert all(p.device.type == "meta" for p in net.parameters())
    # the release: 344,615,682 with 94,337 that no forward pass reads (docs/papers/da2_network.md)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(344.52e6, rel=1e-3)
    dap = estimate.build(SECTIONS["dap"]["model"]["init_args"]["net"])
    # the release holds two convolutions a head, a mask token and key biases that nothing reads
    unread = 2 * 2 * (256 * 256 * 9 + 256) + 1024 + 24 * 1024
    assert sum(p.numel() for p in dap.parameters()) == 365_050_242 - unread


def test_flops_of_a_layer_are_counted_on_the_meta_device() -> None:
    with torch.device("meta"):
        layer = torch.nn.Linear(3, 5, bias=False)
    assert estimate.forward_flops(layer, (7, 3)) == 2 * 7 * 3 * 5


def test_steps_of_epochs_follow_the_labelled_set() -> None:
    sources = SECTIONS["depth_anywhere_unifuse"]["data"]["train"]
    assert estimate.labelled_rows(sources) == 7829  # Matterport3D, train


def test_hours_are_flops_over_the_share_of_the_peak() -> None:
    hours = estimate.Cost(1, 1, 989e12 * 0.45 * 3600 * 2).gpu_hours
    assert hours == pytest.approx(2.0)


def test_what_runs_in_float32_has_the_peak_of_tf32() -> None:
    assert estimate.hours(494.7e12 * 0.45 * 3600, estimate.PEAK_TF32) == pytest.approx(1.0)
    names = ("da2", "dap", "depth_anywhere_unifuse")
    nets = {name: SECTIONS[name]["model"]["init_args"]["net"] for name in names}
    assert [estimate.peak_of(net) for net in nets.values()] == [989e12, 989e12, 494.7e12]
    mixed = {"precision": "bf16-mixed"}
    assert estimate.peak_of(nets["depth_anywhere_unifuse"], mixed) == 989e12
