"""`python -m experiments.study COMMAND`: fifteen published findings, tested.

`run` trains what is missing, arm by arm and seed by seed, and resumes after a kill; several may
work on one folder at once. `status` tells how far it is. `record` writes the scores of finished
runs to a file that is committed, from which every later command takes what its folder lacks.
`report` tests the claims on what is there and writes the page. `check` looks whether every override
is spelt right. `direction` trains five claims for ten minutes and fails if one has turned;
`calibrate` finds what it is compared with.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.pipeline.closure.digest import whole_digest
from experiments.pipeline.params import ParamsError
from experiments.pipeline.revision import REPO
from experiments.study.claims import Arm, ClaimsError, Study, read_study
from experiments.study.direction import (
    SCALE,
    effect_of,
    find_turned_claims,
    first_contrasts,
    read_calibration,
    select_runs,
    write_calibration,
)
from experiments.study.plan import StudyRun, plan
from experiments.study.plan import runs as all_runs
from experiments.study.queue import Queue, mark_undone, outdated, progress, shard
from experiments.study.records import FOLDER, record_runs, restore_runs
from experiments.study.results import MissingDataError, StudyStore

EXIT_FAILED = 1
EXIT_USAGE = 2
DEFAULT_ROOT = REPO / "study"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit codes: 0 done, 1 a step failed, 2 wrong arguments or missing data."""
    parser = argparse.ArgumentParser("python -m experiments.study", description=__doc__)
    parser.add_argument(
        "what",
        choices=("run", "status", "record", "report", "check", "calibrate", "direction"),
    )
    parser.add_argument("--scale", default="default", help="default, long or paper")
    parser.add_argument("--claims", help="some of them, with commas; all without")
    parser.add_argument("--arms", help="some arms of these claims, with commas; all without")
    parser.add_argument("--seeds", type=int, help="only the first N seeds of the scale")
    parser.add_argument("--shard", default="0/1", help="RANK/COUNT: the part of one machine")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="steps at a time")
    parser.add_argument("--minutes", type=float, help="stop after; trainings resume later")
    parser.add_argument(
        "--root", type=Path, default=Path(os.environ.get("STUDY_ROOT", DEFAULT_ROOT)),
        help="folder of the study (STUDY_ROOT)",
    )  # fmt: skip
    parser.add_argument(
        "--pipeline", type=Path, default=REPO, help="clone whose data/ the study starts from"
    )
    parser.add_argument(
        "--out", type=Path, help="report: page in Markdown, docs/study.md if unsaid"
    )
    given = parser.parse_args(argv)
    try:
        return _command(given)
    except (ClaimsError, ParamsError, MissingDataError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE


def _command(given: argparse.Namespace) -> int:
    study = read_study()
    scale = study.scale(given.scale)
    claims = study.chosen(given.claims.split(",") if given.claims else None)
    if given.what == "check":
        from experiments.study.check import check_study  # imports what the overrides name

        check_study(study, REPO)
        sys.stdout.write(
            f"{len(study.claims)} claims, {len(study.arms)} arms: every key is known\n"
        )
        return 0
    if given.what in ("calibrate", "direction"):
        return _direction(given, study)
    store = StudyStore(given.root.resolve(), given.pipeline.resolve())
    arms = _chosen_arms(study.arms_of(claims, scale.name), given.arms)
    runs = [r for r in all_runs(study, scale, arms, REPO) if _in(r, scale.seeds, given.seeds)]
    restored, changed = restore_runs(scale.name, runs, store)
    if restored:
        sys.stderr.write(f"{restored} runs taken from their record ({FOLDER.name}/{scale.name})\n")
    if changed:
        sys.stderr.write(f"{changed} recorded runs do not count: their settings have changed\n")
    if given.what == "status":
        _status(runs, store)
        return 0
    if given.what == "record":
        count = record_runs(study, scale.name, {(r.arm.name, r.seed): r for r in runs}, store)
        sys.stdout.write(f"{count} runs are recorded in {FOLDER / scale.name}.jsonl\n")
        return 0
    if given.what == "report":
        from experiments.study.page.write import write_page  # plots are slow to import

        write_page(study, scale, store, given.out or REPO / "docs" / "study.md", REPO)
        return 0
    index, count = (int(part) for part in given.shard.split("/"))
    for step in mark_undone(outdated(study, runs, store), runs, store):
        sys.stderr.write(
            f"{step.folder}: made by other code than what it is compared with; again\n"
        )
    until = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    queue = Queue(study, scale, shard(runs, index, count), store, given.jobs, until)
    signal.signal(signal.SIGTERM, lambda *_: queue.stopped.set())
    try:
        queue.work()
    except KeyboardInterrupt:
        queue.stopped.set()
        raise
    _status(runs, store)
    return EXIT_FAILED if queue.failed else 0


def _direction(given: argparse.Namespace, study: Study) -> int:
    """Calibrate or check the direction of five claims."""
    calibration = read_calibration()
    contrasts = first_contrasts(study, calibration.claims)
    scale = study.scale(SCALE)
    checking = given.what == "direction"
    if checking:
        for name in calibration.claims:
            calibration.limit(name)  # refuses what was not calibrated, before any work
    seeds = (calibration.seed,) if checking else scale.seeds
    arms = study.arms_of(study.chosen(calibration.claims), SCALE)
    runs = select_runs([plan(study, scale, a, s, REPO) for s in seeds for a in arms], contrasts)
    root = given.root.resolve() / SCALE / whole_digest()[:12]  # other code, other runs
    store = StudyStore(root, given.pipeline.resolve())
    until = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    queue = Queue(study, scale, runs, store, given.jobs, until)
    queue.work()
    by_name = {(run.arm.name, run.seed): run for run in runs}
    if queue.failed or any(store.record(run.last) is None for run in runs):
        sys.stderr.write("error: not all runs are done; the same command resumes\n")
        return EXIT_FAILED
    effects = {
        name: [effect_of(study.claims[name], contrasts[name], s, by_name, store) for s in seeds]
        for name in calibration.claims
    }
    if not checking:
        write_calibration(effects)
        return 0
    turned = find_turned_claims(calibration, {name: values[0] for name, values in effects.items()})
    for name, values in effects.items():
        word = turned.get(name, f"effect {values[0]:+.3f}, limit {calibration.limit(name):+.3f}")
        sys.stdout.write(f"{name}: {'TURNED: ' if name in turned else ''}{word}\n")
    return EXIT_FAILED if turned else 0


def _chosen_arms(arms: Sequence[Arm], given: str | None) -> list[Arm]:
    wanted = None if given is None else given.split(",")
    unknown = sorted(set(wanted or ()) - {arm.name for arm in arms})
    if unknown:
        known = ", ".join(arm.name for arm in arms)
        raise ClaimsError(f"got --arms {', '.join(unknown)}, expected some of {known}")
    return [arm for arm in arms if wanted is None or arm.name in wanted]


def _in(run: StudyRun, seeds: Sequence[int], first: int | None) -> bool:
    return first is None or run.seed in seeds[:first]


def _status(runs: Sequence[StudyRun], store: StudyStore) -> None:
    done = 0
    for run, state in progress(runs, store):
        whole = state["done"] == state["steps"]
        done += whole
        if state["done"]:
            told = "done" if whole else f"{state['done']:.0f} of {state['steps']:.0f} steps"
            sys.stdout.write(f"{run.name}: {told}, {state['cpu_hours']:.2f} CPU h\n")
    sys.stdout.write(f"{done} of {len(runs)} runs are done\n")


if __name__ == "__main__":
    sys.exit(main())
