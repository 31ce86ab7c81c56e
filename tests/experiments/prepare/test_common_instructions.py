"""Stages that make data give the same files on processors with and without AVX-512."""

import os
import subprocess
import sys

import pytest

from experiments.prepare.common_instructions import LIMITS, limit

NEW = "flags\t\t: fpu avx avx2 fma avx512f avx512bw\n"
OLD = "flags\t\t: fpu avx avx2 fma\n"


def test_a_processor_with_avx512_leaves_it_out() -> None:
    environment = {"HOME": "here"}
    limit(NEW, environment)
    assert environment == {"HOME": "here", **LIMITS}


def test_one_without_it_is_left_alone() -> None:
    """A limit above what the processor has would end in an illegal instruction."""
    environment: dict[str, str] = {}
    limit(OLD, environment)
    assert environment == {}


def test_what_the_user_has_set_stays() -> None:
    environment = {"ATEN_CPU_CAPABILITY": "default"}
    limit(NEW, environment)
    assert environment == {**LIMITS, "ATEN_CPU_CAPABILITY": "default"}


@pytest.mark.parametrize("stage", ["experiments.prepare.worlds", "experiments.da2.curate"])
def test_a_stage_limits_itself_before_numpy_and_torch_are_loaded(stage: str) -> None:
    code = f"""
import sys
order = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        order.append(name)
sys.meta_path.insert(0, Watch())
import {stage}
first = order.index("experiments.prepare.common_instructions")
print(first < order.index("numpy"), "torch" not in order or first < order.index("torch"))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "True"]


@pytest.mark.parametrize("loaded", ["numpy", "torch"])
def test_a_process_that_has_loaded_one_of_them_is_left_alone(loaded: str) -> None:
    code = f"""
import os, {loaded}
import experiments.prepare.worlds
print(*(name in os.environ for name in {list(LIMITS)}))
"""
    clean = {k: v for k, v in os.environ.items() if k not in LIMITS}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=clean)
    assert run.stdout.split() == ["False"] * len(LIMITS)


def test_numpy_and_torch_know_the_limits() -> None:
    """They pass over what they do not know without a word."""
    code = """
import numpy, torch
from numpy._core._multiarray_umath import __cpu_features__ as features
print(torch.backends.cpu.get_cpu_capability(), *(features.get(n) for n in sys.argv[1:]))
"""
    names = LIMITS["NPY_DISABLE_CPU_FEATURES"].split()
    set_so = {**LIMITS, "ATEN_CPU_CAPABILITY": "default"}  # `avx2` would be no change on most
    command = [sys.executable, "-c", "import sys" + code, *names]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=set_so)
    capability, *found = run.stdout.split()
    assert capability in ("DEFAULT", "NO AVX")
    assert set(found) <= {"False", "None"}  # None: another architecture
