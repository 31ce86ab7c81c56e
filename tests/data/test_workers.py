"""The pool is tried in programs of its own: only the first server of a process counts."""

import multiprocessing
import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pano_data import workers

LOADED = "'colorsys' in __import__('sys').modules"
AHEAD = str(workers.METHOD == "forkserver")
"""Whether workers have imported what they need before their first task."""


def program(text):
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.split()


def test_no_workers_is_no_pool():
    with workers.open_pool(0, []) as executor:
        assert executor is None


def test_workers_start_with_the_modules_imported():
    text = (
        "from pano_data.workers import open_pool\n"
        "with open_pool(2, ['colorsys']) as executor:\n"
        f"    print(*executor.map(eval, [{LOADED!r}] * 4), {LOADED})\n"
    )
    assert program(text) == [AHEAD] * 4 + ["False"]  # the caller did not import it


def test_a_server_started_before_serves_the_pool():
    text = (
        "from pano_data.workers import open_pool, start_server\n"
        "start_server(['colorsys'])\n"
        "with open_pool(1, ['colorsys', 'chunk_that_does_not_exist']) as executor:\n"
        f"    print(executor.submit(eval, {LOADED!r}).result())\n"
    )
    assert program(text) == [AHEAD]


def test_workers_do_not_share_the_threads_of_the_caller():
    """A fork of a process whose OpenMP threads have run hangs at the first parallel loop."""
    text = (
        "import torch\n"
        "from pano_data.workers import open_pool\n"
        "torch.set_num_threads(2)\n"
        "x = torch.ones(512, 512)\n"
        "(x @ x).exp().sum()\n"
        "with open_pool(2, ['torch']) as executor:\n"
        "    call = '__import__(\"torch\").ones(512, 512).exp().sum().item() > 0'\n"
        "    print(*executor.map(eval, [call] * 2))\n"
    )
    assert program(text) == ["True", "True"]


def test_an_error_of_a_worker_reaches_the_caller():
    with workers.open_pool(1, []) as executor, pytest.raises(ZeroDivisionError):
        executor.submit(eval, "1 / 0").result()


def test_the_time_of_workers_counts_as_that_of_the_program():
    text = (
        "from pano_data.workers import open_pool\n"
        "with open_pool(1, []) as executor:\n"
        "    executor.submit(exec, 'import time\\nwhile time.process_time() < 1: pass').result()\n"
    )
    before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])  # user and system
    program(text)
    assert sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before >= 1


def test_workers_of_a_killed_program_end():
    text = (
        "import os, signal\n"
        "from pano_data.workers import open_pool\n"
        "with open_pool(2, []) as executor:\n"
        "    print(*set(executor.map(eval, ['__import__(\"os\").getpid()'] * 8)), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert_ended(killed(text))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
def test_a_worker_whose_program_was_killed_before_it_began_ends():
    text = (
        "import os, signal, time\n"
        "from multiprocessing import get_context\n"
        "from pano_data.workers import end_with_parent\n"
        "program = os.getpid()\n"
        "def work():\n"
        "    while os.getppid() == program: time.sleep(.01)\n"
        "    end_with_parent(0)\n"
        "    time.sleep(300)\n"
        "worker = get_context('fork').Process(target=work)\n"
        "worker.start()\n"
        "print(worker.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert_ended(killed(text))


def killed(text):
    """Run a program that prints the numbers of its workers and kills itself; return them."""
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as program:  # fmt: skip
        pids = [int(word) for word in program.stdout.readline().split()]
        assert program.wait(120) == -signal.SIGKILL
    assert pids
    return pids


def assert_ended(pids):
    end = time.monotonic() + 60
    while alive := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < end, f"processes {alive} are left"
        time.sleep(0.05)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
