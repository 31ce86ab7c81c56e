"""`scripts/repro.sh`: lines of stages side by side, on a pipeline of shell commands."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

SCRIPT = Path(__file__).parents[4] / "scripts" / "repro.sh"
MEETS = """touch {0}.here
for i in $(seq 100); do test -e {1}.here && test -e {2}.here && break; sleep 0.1; done
test -e {1}.here && test -e {2}.here && touch {0}"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository whose three trainings each wait until the others have begun."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "scripts").mkdir()
    shutil.copy(SCRIPT, folder / "scripts")
    stages = {
        "manifest": {"foreach": ["a", "b"], "do": {"cmd": "touch ${item}", "outs": ["${item}"]}},
        "train_da2": _stage(MEETS.format("da2", "dap", "student"), ["a"], "da2"),
        "train_student": _stage(MEETS.format("student", "da2", "dap"), ["b"], "student"),
        "train_dap": _stage(MEETS.format("dap", "da2", "student"), ["a", "b"], "dap"),
        "suites": _stage("touch suites", ["da2", "student", "dap"], "suites"),
        "report": _stage("touch report", ["suites"], "report"),
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    for command in (["git", "init", "-q"], [_dvc(), "init", "-q"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def pipeline(repository, tmp_path):
    """A copy of it in which nothing has run."""
    return shutil.copytree(repository, tmp_path / "pipeline", symlinks=True)


def _stage(command: str, deps: list[str], out: str) -> dict[str, object]:
    return {"cmd": command, "deps": deps, "outs": [out]}


def _dvc() -> str:
    return str(Path(sys.executable).with_name("dvc"))


def _environment(jobs: int = 2) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "JOBS": str(jobs), "DVC_NO_ANALYTICS": "1"}


def _repro(folder: Path, jobs: int = 2) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/repro.sh"], cwd=folder, env=_environment(jobs), capture_output=True, text=True
    )


def _heed_interrupts() -> None:
    """Background jobs of a shell, and all below them, are started deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stages_of(run: subprocess.CompletedProcess[str]) -> list[str]:
    lines = (run.stdout + run.stderr).splitlines()
    return [line.split("'")[1] for line in lines if "Running stage" in line]


def test_lines_run_at_the_same_time_and_each_stage_once(pipeline) -> None:
    run = _repro(pipeline)
    assert run.returncode == 0, run.stdout + run.stderr
    trainings = ["train_da2", "train_student", "train_dap"]
    expected = ["manifest@a", "manifest@b", *trainings, "suites", "report"]
    assert sorted(_stages_of(run)) == sorted(expected)
    assert set(yaml.safe_load((pipeline / "dvc.lock").read_text())["stages"]) == set(expected)
    assert "7 stages to run at most" in run.stdout
    assert re.search(r"^stage 7 of 7(, about .* left)?: report$", run.stdout, re.MULTILINE)
    assert "7 stages ran in" in run.stdout
    again = _repro(pipeline)
    assert again.returncode == 0
    assert again.stdout == "Data and pipelines are up to date.\n"
    assert _stages_of(again) == []


def test_a_line_that_fails_ends_the_whole_and_keeps_the_others(pipeline) -> None:
    text = (pipeline / "dvc.yaml").read_text()
    (pipeline / "dvc.yaml").write_text(text.replace("&& touch da2", "&& false"))
    run = _repro(pipeline)
    assert run.returncode == 1
    assert "failed to reproduce 'train_da2'" in run.stdout
    assert "failed: train_da2; the lines above say why" in run.stdout
    assert ".venv/bin/dvc repro --single-item train_da2\n" in run.stdout
    assert (pipeline / "dap").exists()
    assert (pipeline / "student").exists()
    assert not {"suites", "report"} & set(_stages_of(run))
    (pipeline / "dvc.yaml").write_text(text)
    assert sorted(_stages_of(_repro(pipeline, jobs=1))) == ["report", "suites", "train_da2"]


def test_one_job_is_one_line(pipeline) -> None:
    (pipeline / "da2.here").touch()
    (pipeline / "dap.here").touch()
    (pipeline / "student.here").touch()
    run = _repro(pipeline, jobs=1)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "[da]" not in run.stdout
    assert len(_stages_of(run)) == 7


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_lines(pipeline, sent, code) -> None:
    text = (pipeline / "dvc.yaml").read_text()
    (pipeline / "dvc.yaml").write_text(text.replace("seq 100", "seq 1000").replace("break", "true"))
    with subprocess.Popen(
        ["scripts/repro.sh"], cwd=pipeline, env=_environment(), preexec_fn=_heed_interrupts
    ) as run:
        begun = [pipeline / f"{name}.here" for name in ("da2", "student", "dap")]
        while not all(file.exists() for file in begun):
            assert run.poll() is None
            time.sleep(0.1)
        below = psutil.Process(run.pid).children(recursive=True)
        assert len(below) > 4
        run.send_signal(sent)
        assert run.wait(120) == code
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    assert not (pipeline / "da2").exists()


def test_every_name_in_the_script_is_a_stage() -> None:
    """A stage that is renamed would fall out of its line unseen, into the last `dvc repro`."""
    stages = yaml.safe_load((SCRIPT.parents[1] / "dvc.yaml").read_text())["stages"]
    names = [
        name.partition("@")[0]
        for part in re.findall(r'named "?([\w.*|@]+)', SCRIPT.read_text())
        for name in part.split("|")
    ]
    assert len(names) > 10
    assert [name for name in names if not any(re.fullmatch(name, stage) for stage in stages)] == []
    rest = [stage for stage in stages if not any(re.fullmatch(name, stage) for name in names)]
    assert rest == ["cost", "report"]  # times are measured alone, the report comes last
