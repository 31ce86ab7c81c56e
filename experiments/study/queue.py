"""The queue: steps in the order of the runs, as many at a time as wanted, resumed after a kill.

A step is done when its folder says so. One that was killed is started again in the same folder: a
training resumes from its last checkpoint to the same weights, a scoring from its journal. A lock
keeps other processes, on this machine or on others that share the folder, from the same step.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache

from experiments.pipeline.closure.digest import code_digest
from experiments.pipeline.revision import REPO, git_revision
from experiments.pipeline.run_folder import RunFolderError, locked
from experiments.study.claims import Scale, Study
from experiments.study.plan import Step, StudyRun
from experiments.study.results import FAILED, LOG, StudyStore
from pano_data import write_json

POLL_S = 0.5
GRACE_S = 120.0
WAIT_S = 5.0
LIBRARIES = ("pano_losses", "pano_models", "pano_data")


@cache
def training_digest(module: str) -> str:
    """Return a digest of the code that trainings of a paper run, whatever their arm names."""
    return code_digest(f"{module}.__main__", *LIBRARIES)[:12]


@dataclass
class Queue:
    """Runs of a study, and who works on them.

    Attributes:
        study: The claims.
        scale: How much is trained.
        runs: The runs, most urgent first.
        store: Where they lie.
        jobs: Steps at a time.
        until: Time (of `time.monotonic`) to stop at; None to run to the end.
    """

    study: Study
    scale: Scale
    runs: Sequence[StudyRun]
    store: StudyStore
    jobs: int = 1
    until: float | None = None
    failed: dict[str, str] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    _busy: set[str] = field(default_factory=set)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        open_runs = [run for run in self.runs if self.store.record(run.last) is None]
        self.steps: list[Step] = list(dict.fromkeys(s for r in open_runs for s in r.last.chain))
        self._labels = tags_by_step(self.study, self.runs)

    def work(self) -> None:
        """Do all that is to be done, or until the time is over or `stopped` is set."""
        with ThreadPoolExecutor(self.jobs) as workers:
            for worker in [workers.submit(self._worker) for _ in range(self.jobs)]:
                worker.result()

    def _worker(self) -> None:
        while not self._over():
            with ExitStack() as held:
                step = self._next(held)
                if step is not None:
                    try:
                        self._do(step)
                    finally:
                        with self._mutex:
                            self._busy.discard(step.folder)
                    continue
            if not self._pending():
                return
            self.stopped.wait(WAIT_S)  # others make what is still missing

    def _over(self) -> bool:
        return self.stopped.is_set() or (self.until is not None and time.monotonic() > self.until)

    def _pending(self) -> bool:
        """Tell whether a step is left that no failed one stands before."""
        with self._mutex:
            return any(
                not any(s.folder in self.failed for s in step.chain)
                for step in self.steps
                if not self.store.made(step)
            )

    def _next(self, held: ExitStack) -> Step | None:
        with self._mutex:
            for step in self.steps:
                if step.folder in self._busy or step.folder in self.failed:
                    continue
                if self.store.made(step):
                    continue
                if not all(self.store.made(before) for before in step.before):
                    continue
                try:
                    held.enter_context(locked(self.store.folder(step)))
                except RunFolderError:
                    continue
                if not self.store.made(step):  # another may just have finished it
                    self._busy.add(step.folder)
                    return step
                held.close()
        return None

    def _do(self, step: Step) -> None:
        folder = self.store.prepare(step)
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {step.folder} {self._labels[step]}\n")
        started = time.monotonic()
        with (folder / LOG).open("a") as log:
            process = subprocess.Popen(
                self._command(step), cwd=folder, stdout=log, stderr=log, start_new_session=True,
                env=self._environment(),
            )  # fmt: skip
            code, cpu_s = self._watch(process)
        if code == 0:
            record = {
                "step": step.name, "command": list(step.words), "scale": self.scale.name,
                "seconds": round(time.monotonic() - started, 1), "cpu_seconds": round(cpu_s, 1),
                "revision": git_revision(), "finished": time.strftime("%Y-%m-%dT%H:%M:%S"),
                "code": training_digest(step.words[0]) if step.trains else "",
            }  # fmt: skip
            self.store.finish(step, record)
        elif not self._over():
            tail = " ".join((folder / LOG).read_text(errors="replace").splitlines()[-3:])
            write_json(folder / FAILED, {"code": code, "tail": tail[-2000:]})
            with self._mutex:
                self.failed[step.folder] = f"exit code {code}, see {folder / LOG}: {tail[-300:]}"
            sys.stderr.write(f"error: {step.folder}: {self.failed[step.folder]}\n")

    def _command(self, step: Step) -> list[str]:
        words = [sys.executable, "-m", *step.words]
        if step.trains:
            tags = {**self._labels[step], "scale": self.scale.name, "study.step": step.folder}
            words += ["--tags", json.dumps(tags)]
        return words

    def _environment(self) -> dict[str, str]:
        sources = [str(path) for path in sorted((REPO / "packages").glob("*/src"))]
        paths = [*sources, str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "DVC_ROOT": str(self.store.root.resolve()),  # where the local store of MLflow lies
            "MLFLOW_EXPERIMENT_NAME": f"study {self.scale.name}",
            "PIPELINE_ID": f"study-{self.scale.name}",
        }

    def _watch(self, process: subprocess.Popen[bytes]) -> tuple[int, float]:
        """Wait for a step; ask it to stop when the time is over. Return exit code and CPU time."""
        asked: float | None = None
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_utime + usage.ru_stime
            if self._over() and asked is None:
                asked = time.monotonic()
                process.terminate()  # a training writes a checkpoint and ends
            elif asked is not None and time.monotonic() - asked > GRACE_S:
                process.kill()
            time.sleep(POLL_S)


def tags_by_step(study: Study, runs: Sequence[StudyRun]) -> dict[Step, dict[str, str]]:
    """Return the tags of every step: claims and arms that it serves, and the seed."""
    found: dict[Step, dict[str, str]] = {}
    for run in runs:
        claims = [c.name for c in study.claims.values() if run.arm.name in c.all_arms]
        for step in run.last.chain:
            own = step in (run.last, run.trained)
            told = found.setdefault(step, {"claim": "", "arm": "", "seed": str(run.seed)})
            told["claim"] = _joined(told["claim"], claims)
            told["arm"] = _joined(told["arm"], [run.arm.name if own else f"before {run.arm.name}"])
    return found


def _joined(before: str, more: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys([*filter(None, before.split(", ")), *more]))


def outdated(study: Study, runs: Sequence[StudyRun], store: StudyStore) -> list[Step]:
    """Return finished trainings that another code has to be compared with: to be made again.

    The arms of a claim are compared seed by seed. Where one of them is still to be trained, or two
    were trained by different code, those of another code than today's are outdated. So is one of
    another code whose weights are not here but have to be, for a run that starts from them.
    """
    open_steps = {s for r in runs if store.record(r.last) is None for s in r.last.chain}
    found: dict[Step, None] = {
        step: None
        for step in open_steps
        if step.trains
        and not store.made(step)
        and (store.record(step) or {}).get("code", _now(step)) != _now(step)
    }
    by_name = {(run.arm.name, run.seed): run for run in runs}
    for claim in study.claims.values():
        for seed in dict.fromkeys(run.seed for run in runs):
            group = [by_name[a, seed] for a in claim.all_arms if (a, seed) in by_name]
            steps = dict.fromkeys(s for r in group for s in r.last.chain if s.trains)
            codes = {s: (store.record(s) or {}).get("code") for s in steps}
            if len(set(codes.values())) > 1:
                found |= {s: None for s, c in codes.items() if c not in (None, _now(s))}
    return list(found)


def _now(step: Step) -> str:
    return training_digest(step.words[0])


def mark_undone(steps: Sequence[Step], runs: Sequence[StudyRun], store: StudyStore) -> list[Step]:
    """Mark steps, and all that were made from them, as not done; return them."""
    gone = [
        step
        for step in dict.fromkeys(s for r in runs for s in r.last.chain)
        if any(s in steps for s in step.chain) and store.record(step) is not None
    ]
    for step in gone:
        (store.folder(step) / "done.json").unlink()
    return gone


def shard(runs: Sequence[StudyRun], index: int, count: int) -> list[StudyRun]:
    """Return the runs of one of `count` machines; ranks count from 0."""
    if not 0 <= index < count:
        raise ValueError(f"got shard {index}/{count}, expected 0/{count} to {count - 1}/{count}")
    return list(runs)[index::count]


def progress(
    runs: Sequence[StudyRun], store: StudyStore
) -> Iterator[tuple[StudyRun, Mapping[str, float]]]:
    """Yield each run with its steps done, its steps, and the CPU hours spent on it alone."""
    for run in runs:
        records = [store.record(step) for step in run.last.chain]
        cpu = sum(r.get("cpu_seconds", 0.0) for r in records if r)
        done = sum(r is not None for r in records)
        yield run, {"done": done, "steps": len(records), "cpu_hours": cpu / 3600}
