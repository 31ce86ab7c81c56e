"""`panodepth evaluate` as its user meets it: on one process, on two, and killed in the middle."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.benchmark.evaluate.execution import Journal
from panodepth.cli import main
from tests.experiments.benchmark.conftest import ROOMS
from tests.experiments.tiny import FORKS, ROOT

ONE = ["--dataset", "stanford2d3d", "--protocol", "da2_paper", "--size", "32", "64"]


Start = Callable[..., list[Any]]
WAIT_S = 240


def command(raw: Path, out: Path, *more: str) -> list[str]:
    """Arguments of an evaluation in single images."""
    return ["evaluate", "--model", "baseline_constant", *ONE, "--root", str(raw), "--out", str(out),
            "--batch-size", "1", "--device", "cpu", *more]  # fmt: skip


def kill_after_a_batch() -> None:
    """Ends this process as soon as its first batch is finished."""
    append = Journal.append

    def last(self: Journal, entry: Any) -> None:
        append(self, entry)
        os.kill(os.getpid(), signal.SIGKILL)

    Journal.append = last  # type: ignore[method-assign]


def rank(number: int, world: int, port: int, argv: list[str], killed: bool) -> None:
    """What one process of torchrun does."""
    torch.set_num_threads(1)
    if killed:
        kill_after_a_batch()
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(world), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sys.exit(main(argv))


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts ranks from one clean process that has imported everything; stops those left."""
    started: list[Any] = []

    def begin(argv: list[str], world: int = 1, killed: bool = False) -> list[Any]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        ranks = [
            FORKS.Process(target=rank, args=(r, world, port, argv, killed)) for r in range(world)
        ]
        for process in ranks:
            process.start()
        started.extend(ranks)
        return ranks

    yield begin
    for process in started:
        process.kill()


def test_result_on_stdout(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--model", "baseline_constant", *ONE, "--root", str(raw)]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["protocol"], result["count"]) == ("da2_paper", ROOMS)
    assert result["metrics"]["images_scored"] == ROOMS
    assert 0 < result["metrics"]["absrel"] < 1


def same_files(one: Path, two: Path) -> None:
    """The result and everything beside it, byte for byte, and no trace of how it came about."""
    assert one.read_bytes() == two.read_bytes()
    for name in ("per_image.parquet", "curves.json", "metrics.json"):
        a, b = (p.with_name(f"{p.stem}.files") / name for p in (one, two))
        assert a.read_bytes() == b.read_bytes(), name
    assert not (two.with_name(f"{two.stem}.files") / ".journal").exists()


@pytest.mark.ddp
def test_two_processes_give_the_files_of_one(raw: Path, tmp_path: Path, start: Start) -> None:
    assert main(command(raw, tmp_path / "alone.json")) == 0
    for process in start(command(raw, tmp_path / "both.json"), 2):
        process.join(WAIT_S)
        assert process.exitcode == 0
    same_files(tmp_path / "alone.json", tmp_path / "both.json")


@pytest.mark.ddp
def test_a_killed_run_goes_on(raw: Path, tmp_path: Path, start: Start) -> None:
    assert main(command(raw, tmp_path / "alone.json")) == 0
    [killed] = start(command(raw, tmp_path / "killed.json"), killed=True)
    killed.join(WAIT_S)
    assert killed.exitcode == -signal.SIGKILL
    (journal,) = (tmp_path / "killed.files/.journal").rglob("*.jsonl")
    assert len(journal.read_text().splitlines()) == 1
    assert [p.name for p in tmp_path.glob("killed*")] == ["killed.files"]
    assert not (tmp_path / "killed.files/metrics.json").exists()
    assert main(command(raw, tmp_path / "killed.json")) == 0
    same_files(tmp_path / "alone.json", tmp_path / "killed.json")


@pytest.mark.slow  # 360 s with a kill beside it, at a load of 22: four interpreters import torch
@pytest.mark.ddp
def test_under_torchrun(raw: Path, tmp_path: Path) -> None:
    assert main(command(raw, tmp_path / "alone.json")) == 0
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = [sys.executable, *launcher, "-m", "panodepth.cli"]
    both = [*words, *command(raw, tmp_path / "both.json")]
    done = subprocess.run(both, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    same_files(tmp_path / "alone.json", tmp_path / "both.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--suite", "da2_table1"], "expected one of --dataset and --suite"),
        (["--protocol", "best"], "got protocol 'best', expected one of"),
        (["--protocol", "metric"], "'metric' scores distance_metric, the model gives"),
        (["--model", "folder:absent,kind=distance_metric"], "absent is no folder"),
        (["--model", "runs/absent"], "no folder runs/absent here; train it first"),
        (["--root", "absent"], "does not exist"),
        (["--batch-size", "0"], "expected positive"),
        (["--split", "summer"], "has no split 'summer'"),
        (["--partial"], "--partial is for a suite"),
        (["--device", "toaster"], "device toaster is not usable here"),
        (["--out", "."], "--out . is a folder"),
    ],
)
def test_bad_input(
    change: list[str], message: str, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(raw, tmp_path / "out.json", *change)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_device_that_is_not_there(
    raw: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(command(raw, tmp_path / "out.json", "--device", "cuda")) == 2
    assert "device cuda is not usable here" in capsys.readouterr().err


def test_what_a_suite_has_of_its_own_is_not_taken_from_the_command(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--model", "baseline_constant", "--suite", "dap_test", "--root", str(raw)]
    assert main([*words, "--split", "train"]) == 2
    assert "leave out --protocol, --split and --out" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{stanford2d3d: {no_such_option: 1}}", "no_such_option"),  # it reaches the reader
        ("{stanford2d3d: 3}", "expected data sets with their options"),
        ("{no_such_set: {a: 1}}", "got 'no_such_set'"),
        ("{a: [", "is no YAML"),
    ],
)
@pytest.mark.parametrize("what", [ONE, ["--suite", "da2_table1", "--partial"]])
def test_options_of_readers_are_passed_on(
    given: str, told: str, what: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stanford2d3d").mkdir()
    argv = ["evaluate", "--model", "baseline_constant", *what, "--root", str(tmp_path)]
    try:
        code = main([*argv, "--reports", str(tmp_path / "reports"), "--reader-options", given])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2
    assert told in capsys.readouterr().err
