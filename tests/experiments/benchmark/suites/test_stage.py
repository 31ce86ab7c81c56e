"""All suites on miniatures in the real layouts: ours beside theirs, marked as partial."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.benchmark.evaluate.score import NotScoreableError, ScoringSettings
from experiments.benchmark.report.suite_tables import read_suites, suite_tables
from experiments.benchmark.suites.catalogue import SUITES, SuiteError
from experiments.benchmark.suites.stage import run_suite, run_suites
from pano_data.errors import DatasetNotFoundError
from pano_losses import protocols
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from panodepth.cli import main
from tests.experiments.benchmark.conftest import Guess

SIZE = (32, 64)
MODELS = {"fusion_baseline": "fusion:LiheYoung/depth-anything-large-hf"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per data set, two images each."""
    folder = tmp_path_factory.mktemp("raw")
    for name in {p.dataset for s in SUITES.values() for p in s.datasets}:
        size = (64, 32) if name == "deep360" else SIZE
        write = miniatures.write
        write(name, folder / name, scenes={"test": 2}, size=size, studio=BoxStudio())
    return folder


class Pretender(Guess):
    """Passes for a network of the papers."""

    def __init__(self, kind: str, network: str) -> None:
        super().__init__(kind)
        self.network = network


@pytest.mark.parametrize(
    ("name", "kind", "network"),
    [
        ("da2_table1", "distance_scale_invariant", "da2"),
        ("da2_table1", "disparity_affine", "fusion_baseline"),
        ("dap_table3", "distance_metric", "dap"),
        ("dap_test", "distance_metric", "dap"),
        ("depth_anywhere_table2", "disparity_affine", "unifuse"),
        ("depth_anywhere_table3", "disparity_affine", "bifuse_plus"),
        ("depth_anywhere_table4", "disparity_affine", "unifuse"),
        ("depth_anywhere_table5", "distance_metric", "unifuse"),
        ("structured3d", "distance_metric", "unifuse"),
    ],
)
def test_every_suite(name: str, kind: str, network: str, root: Path, tmp_path: Path) -> None:
    suite, settings = SUITES[name], ScoringSettings((), SIZE)
    model = MODELS.get(network, f"runs/{network}")
    run_suite(suite, model, Pretender(kind, network), root, settings, tmp_path, True)
    result = json.loads((tmp_path / f"suites/{name}.json").read_text())
    rows: list[dict[str, Any]] = result["rows"]
    assert all(row["protocol"] in protocols for row in rows)
    ours = [row for row in rows if row["source"] == "ours"]
    assert {row["dataset"] for row in ours} == {part.dataset for part in suite.datasets}
    for row in ours:
        assert (row["count"], row["partial"], row["system"]) == (2, True, model)
        for system, metrics in row["difference"].items():
            [theirs] = [
                r["metrics"] for r in rows
                if (r["source"], r["system"], r["dataset"]) == ("published", system, row["dataset"])
            ]  # fmt: skip
            for metric, value in metrics.items():
                assert value == pytest.approx(row["metrics"][metric] - theirs[metric], abs=2e-6)
    assert any(row["difference"] for row in ours)
    theirs = [row for row in rows if row["source"] == "published"]
    assert len(theirs) == len(suite.published.rows)
    assert result["notes"]


def test_models_gather_in_one_table_and_a_kind_without_score_is_left_out(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where: dict[str, Any] = {
        "root": str(root),
        "reports": str(tmp_path),
        "partial": True,
        "threads": 1,
    }
    run_suites(["baseline_constant"], SIZE, only=["structured3d", "depth_anywhere_table5"], **where)
    run_suite(
        SUITES["structured3d"], "folder:x", Guess(), root, ScoringSettings((), SIZE), tmp_path, True
    )
    rows = json.loads((tmp_path / "suites/structured3d.json").read_text())["rows"]
    assert {r["system"] for r in rows if r["source"] == "ours"} == {"baseline_constant", "folder:x"}
    assert "da2_paper" in {r["protocol"] for r in rows if r["source"] == "ours"}
    assert "metric" not in {r["protocol"] for r in rows if r["source"] == "ours"}
    assert caplog.text == ""
    guess = Guess("disparity_affine")
    with pytest.raises(NotScoreableError):
        run_suite(SUITES["dap_test"], "x", guess, root, ScoringSettings((), SIZE), tmp_path, True)


def test_an_absent_set_is_a_marked_row_and_no_stop(root: Path, tmp_path: Path) -> None:
    """Without the sets of one suite, and without one of three of another."""
    raw, reports = tmp_path / "raw", tmp_path / "reports"
    raw.mkdir()
    for name in ("stanford2d3d", "matterport3d_unifuse"):
        (raw / name).symlink_to(root / name)
    only = ["dap_test", "da2_table1"]
    where: dict[str, Any] = {"root": str(raw), "reports": str(reports), "partial": True}
    run_suites(["baseline_constant"], SIZE, only=only, threads=1, **where)
    tables = {n: json.loads((reports / f"suites/{n}.json").read_text())["rows"] for n in only}
    ours = {n: [r for r in rows if r["source"] == "ours"] for n, rows in tables.items()}
    [row] = ours["dap_test"]
    assert (row["dataset"], row["metrics"], row["count"]) == ("dap_test", {}, 0)
    assert (row["partial"], row["note"]) == (True, "dap_test, split 'test', is not there")
    scored = {r["dataset"]: bool(r["metrics"]) for r in ours["da2_table1"]}
    assert scored == {"stanford2d3d": True, "matterport3d_unifuse": True, "panosuncg": False}
    shown = {t.title: t for t in suite_tables(read_suites(reports / "suites"))}
    line = [cell.text for cell in shown["da2_table1 · panosuncg"].rows[0]]
    assert (line[0], line[1], line[-2]) == ("baseline_constant", "–", "0 of 3944, partial")
    assert "panosuncg, split 'test', is not there." in shown["da2_table1 · panosuncg"].doubts


def test_a_model_that_saw_the_test_set_has_no_number(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path("runs/baseline_constant")
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("seen_suites: [structured3d]\n")
    only = ["structured3d", "depth_anywhere_table5"]
    half = Path("reports/suites/.structured3d.0123abcd.part.json")  # of a killed process
    half.parent.mkdir(parents=True)
    half.touch()
    run_suites(["baseline_constant"], SIZE, str(root), only, partial=True, threads=1)
    rows = {n: json.loads(Path(f"reports/suites/{n}.json").read_text())["rows"] for n in only}
    [seen] = [row for row in rows["structured3d"] if row["source"] == "ours"]
    assert (seen["metrics"], seen["count"]) == ({}, 0)
    assert seen["note"].startswith("trained on test sets of structured3d")
    assert all(r["metrics"] for r in rows["depth_anywhere_table5"] if r["source"] == "ours")
    assert not half.exists()


def test_another_count_stops_before_the_first_score(root: Path, tmp_path: Path) -> None:
    only = ["dap_test", "depth_anywhere_table5"]
    with pytest.raises(SuiteError, match="got 2 images, expected 1343"):
        run_suites(["baseline_constant"], SIZE, str(root), only, threads=1, reports=str(tmp_path))
    assert not (tmp_path / "suites").exists()


def test_nothing_is_written_when_data_are_absent(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        run_suite(
            SUITES["dap_test"], "x", Guess(), tmp_path, ScoringSettings((), SIZE), tmp_path / "out"
        )
    with pytest.raises(ValueError, match="holds none of dap_test"):
        run_suite(
            SUITES["dap_test"],
            "x",
            Guess(),
            tmp_path,
            ScoringSettings((), SIZE),
            tmp_path / "out",
            True,
        )
    assert not (tmp_path / "out").exists()


def test_the_command_scores_a_data_set_as_the_suite_does(root: Path, tmp_path: Path) -> None:
    """The release of DA² decodes Matterport3D by a factor of its own, whoever asks."""
    common = ["--model", "baseline_constant", "--size", "32", "64", "--device", "cpu"]
    one = ["--dataset", "matterport3d_unifuse", "--root", str(root / "matterport3d_unifuse")]
    out = tmp_path / "one.json"
    words = ["evaluate", *common, *one, "--protocol", "da2_released", "--out", str(out)]
    assert main(words) == 0
    suite = ["--suite", "da2_table1", "--root", str(root), "--partial", "--reports", str(tmp_path)]
    assert main(["evaluate", *common, *suite]) == 0
    rows = json.loads((tmp_path / "suites/da2_table1.json").read_text())["rows"]
    [ours] = [
        row["metrics"] for row in rows
        if (row["source"], row["dataset"], row["protocol"])
        == ("ours", "matterport3d_unifuse", "da2_released")
    ]  # fmt: skip
    assert json.loads(out.read_text())["metrics"] == ours
