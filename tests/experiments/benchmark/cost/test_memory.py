import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch
from torch import nn

import pano_models
from experiments.benchmark.cost.memory import forward_memory, memory_mb, panoramas

MEGABYTES = 64


class Hungry(nn.Module):
    """Takes a known amount of memory for a while."""

    def forward(self, rgb):
        return torch.ones(MEGABYTES * 1_000_000 // 4).sum() + rgb.sum()


def _peak():
    return forward_memory(Hungry(), panoramas(1, (16, 32), "cpu"))


def test_the_peak_of_a_pass_is_what_it_takes():
    """In a process of its own: the peak of this one may have been higher before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        measured = fresh.submit(_peak).result()
    if measured is None:
        pytest.skip("this system does not tell the peak memory of a process")
    assert measured == pytest.approx(MEGABYTES, abs=8)


def test_a_process_of_its_own_measures_a_model(tmp_path):
    torch.manual_seed(0)
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.125)
    pano_models.save(network, tmp_path / "unifuse")
    measured = memory_mb(str(tmp_path / "unifuse"), (64, 128), 1, 1, "cpu")
    assert measured is None or 0 < measured < 200


def test_a_process_that_fails_says_which_model(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback\nMemoryError: 3 GB")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(RuntimeError, match=r"large at \(64, 128\) failed: MemoryError: 3 GB"):
        memory_mb("large", (64, 128), 1, 1, "cpu")
