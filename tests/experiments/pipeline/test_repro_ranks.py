"""scripts/repro_ranks.sh: what ranks can share is started as ranks, everything else as it is.

`dvc` and `python` are stand-ins that write down how they were called; the whole of it runs in
`python -m benchmarks.killed_repro`.
"""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/repro_ranks.sh"
PYTHON = """#!/usr/bin/env bash
if [[ $1 == -c ]]; then echo 29999; exit; fi
echo "$*" >> "$CALLS"
[[ $* != *fails* ]]
"""


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """Environment with stand-ins; `dvc repro A B` runs `python -m A B`."""
    calls = {"python": PYTHON, "dvc": '#!/usr/bin/env bash\nshift\npython -m "$@"\n',
             "srun": '#!/usr/bin/env bash\necho "srun $*" >> "$CALLS"\n'}  # fmt: skip
    for name, text in calls.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "NODES", "PROC"))}
    paths = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": paths, "CALLS": str(tmp_path / "calls")}


def calls(tools: dict[str, str], *words: str, **more: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["bash", str(SCRIPT), *words], env={**tools, **more}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    path = Path(tools["CALLS"])
    return done.returncode, path.read_text().splitlines() if path.is_file() else []


def test_other_stages_and_single_processes_run_as_they_are(tools: dict[str, str]) -> None:
    code, found = calls(tools, "experiments.prepare.manifests", "zind", PROCESSES="4")
    assert (code, found) == (0, ["-m experiments.prepare.manifests zind"])
    code, found = calls(tools, "experiments.da2.curate", "da2_curate_hypersim")
    assert (code, found[1:]) == (0, ["-m experiments.da2.curate da2_curate_hypersim"])


def test_each_node_has_its_launcher(tools: dict[str, str]) -> None:
    more = {"NODES": "2", "PROCESSES": "3", "LOOPBACK": "1"}
    code, found = calls(tools, "experiments.depth_anywhere.mask", "masks", **more)
    assert code == 0
    assert sorted(line.split("--node_rank=")[1][0] for line in found) == ["0", "1"]
    for line in found:
        assert line.startswith("-m torch.distributed.run --nnodes=2 ")
        assert "--nproc_per_node=3 " in line
        assert line.endswith("-m experiments.depth_anywhere.mask masks")
        assert "CUDA_VISIBLE_DEVICES=$LOCAL_RANK" in line  # a masker takes the first it sees


def test_a_trainer_is_told_of_its_ranks(tools: dict[str, str]) -> None:
    words = "--trainer.num_nodes 1 --trainer.devices 8 --trainer.strategy ddp"
    code, [line] = calls(tools, "experiments.dap.label", "dap_label_1_x", PROCESSES="8")
    assert code == 0
    assert line.endswith(f"-m experiments.dap.label dap_label_1_x {words}")
    assert "CUDA_VISIBLE_DEVICES" not in line  # it chooses among all


def test_in_a_slurm_job_srun_starts_them(tools: dict[str, str]) -> None:
    more = {"NODES": "4", "PROCESSES": "8", "SLURM_JOB_ID": "7", "SRUN": "--gpus-per-task=1"}
    code, [line] = calls(tools, "experiments.da2.curate", "x", **more)
    assert code == 0
    assert line.startswith("srun --nodes=4 --ntasks-per-node=8 --gpus-per-task=1 ")
    assert line.endswith("/python -m experiments.da2.curate x")


def test_a_rank_that_fails_fails_the_stage(tools: dict[str, str]) -> None:
    code, found = calls(tools, "experiments.da2.curate", "fails", NODES="2", LOOPBACK="1")
    assert code == 1
    assert len(found) == 2


def test_nodes_that_nobody_starts_are_refused(tools: dict[str, str]) -> None:
    code, found = calls(tools, "experiments.da2.curate", "x", NODES="2")
    assert (code, found) == (2, [])
