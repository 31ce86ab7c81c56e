"""`panodepth evaluate` as its user meets it: on one process, on two, and killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.main import main
from tests.experiments.benchmark.conftest import ROOMS
from tests.experiments.tiny import ROOT

ONE = ["--dataset", "stanford2d3d", "--protocol", "da2_paper", "--size", "32", "64"]


def command(raw: Path, out: Path, *more: str) -> list[str]:
    """Arguments of an evaluation in single images."""
    return ["evaluate", "--model", "baseline_constant", *ONE, "--root", str(raw), "--out", str(out),
            "--batch-size", "1", "--device", "cpu", *more]  # fmt: skip


def start(*argv: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, *launcher, "-m", "experiments.main", *argv]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)


def test_result_on_stdout(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--model", "baseline_constant", *ONE, "--root", str(raw)]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["protocol"], result["count"]) == ("da2_paper", ROOMS)
    assert result["metrics"]["images_scored"] == ROOMS
    assert 0 < result["metrics"]["absrel"] < 1


@pytest.mark.ddp
def test_two_processes_and_a_killed_one_give_identical_files(raw: Path, tmp_path: Path) -> None:
    assert main(command(raw, tmp_path / "alone.json")) == 0
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    both = start(*command(raw, tmp_path / "both.json"), launcher=torchrun)
    _, errors = both.communicate(timeout=300)
    assert both.returncode == 0, errors.decode()[-3000:]

    killed = start(*command(raw, tmp_path / "killed.json"))
    journal = tmp_path / "killed.files/.journal"
    deadline = time.monotonic() + 300
    while not any(p.stat().st_size for p in journal.rglob("*.jsonl")):
        assert killed.poll() is None, "finished before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "killed.json").exists()
    assert not (tmp_path / "killed.files/metrics.json").exists()
    assert main(command(raw, tmp_path / "killed.json")) == 0

    alone = tmp_path / "alone.files"
    for name in ("both", "killed"):
        assert (tmp_path / f"{name}.json").read_bytes() == (tmp_path / "alone.json").read_bytes()
        for file in ("per_image.parquet", "curves.json", "metrics.json"):
            same = (tmp_path / f"{name}.files" / file).read_bytes() == (alone / file).read_bytes()
            assert same, (name, file)
        assert not (tmp_path / f"{name}.files/.journal").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--suite", "da2_table1"], "expected one of --dataset and --suite"),
        (["--protocol", "best"], "got protocol 'best', expected one of"),
        (["--protocol", "metric"], "'metric' scores distance_metric, the model gives"),
        (["--model", "folder:absent,kind=distance_metric"], "absent is no folder"),
        (["--model", "runs/absent"], "no folder runs/absent; train it first"),
        (["--root", "absent"], "does not exist"),
        (["--batch-size", "0"], "expected positive"),
        (["--split", "summer"], "has no split 'summer'"),
    ],
)
def test_bad_input(
    change: list[str], message: str, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(raw, tmp_path / "out.json", *change)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_suite_is_refused_and_then_marked(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stanford2d3d").symlink_to(raw)
    arguments = ["evaluate", "--model", "baseline_constant", "--suite", "depth_anywhere_table3",
                 "--root", str(tmp_path), "--reports", str(tmp_path / "reports"),
                 "--size", "32", "64", "--device", "cpu"]  # fmt: skip
    assert main(arguments) == 2
    assert "got 7 images, expected 373" in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()
    assert main([*arguments, "--partial"]) == 0
    table = json.loads((tmp_path / "reports/suites/depth_anywhere_table3.json").read_text())
    ours = [row for row in table["rows"] if row["source"] == "ours"]
    assert {row["protocol"] for row in ours} == {"depth_anywhere_paper", "depth_anywhere_released"}
    assert all(row["partial"] and row["count"] == ROOMS for row in ours)
