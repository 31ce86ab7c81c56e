"""Run the public test suites of other libraries against this package.

    python -m benchmarks.peer_suites.run py360convert=DIR pytorch360convert=DIR equilib=DIR

DIR: a checkout of the peer's repository (its suite is not in its wheel); nothing of it is kept
here. What the suite imports besides must be installed. Prints a table for
docs/benchmarks/peer_suites.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.peer_suites.plugin import ADAPTERS
from benchmarks.peer_suites.reasons import REASONS, Reason

UNKNOWN = Reason("open", "no reason is written in benchmarks/peer_suites/reasons.py")

Tests = dict[str, dict[str, Any]]


def run_suite(peer: str, folder: Path, own: bool, extra: list[str]) -> Tests:
    """Run a suite with this package in the place of the peer, or with the peer itself (`own`)."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "tests.json"
        # -P keeps the suite's folder, which may have a `benchmarks` of its own, out of the front.
        command = [
            sys.executable, "-P", "-m", "pytest", "tests", "-c", os.devnull, "--rootdir",
            str(folder), "-q", "-p", "no:cacheprovider", "-p", "benchmarks.peer_suites.plugin",
            "--peer", peer, "--peer-out", str(out), *(["--peer-own"] if own else []), *extra,
        ]  # fmt: skip
        paths = os.environ.get("PYTHONPATH", ""), str(Path.cwd()), str(folder)
        subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            check=False,
            stdout=sys.stderr,
        )
        tests: Tests = json.loads(out.read_text())
        return tests


def reason_of(peer: str, test: str) -> Reason:
    """Return why a test fails."""
    found = (why for end, why in REASONS[peer].items() if fnmatch(test, f"*{end}"))
    return next(found, UNKNOWN)


def judged(tests: Tests, theirs: Tests) -> Tests:
    """Return the tests that reach the replaced functions, or fail before where the peer does not.

    Tests that are skipped (no GPU) are left out.
    """
    return {
        name: test
        for name, test in tests.items()
        if test["outcome"] != "skipped"
        and (test.get("calls") or test["outcome"] != theirs[name]["outcome"])
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="+", metavar="PEER=DIR")
    parser.add_argument("--pytest", default="", help="further arguments of pytest, e.g. '-k exact'")
    options = parser.parse_args()
    rows, failures = [], []
    for suite in options.suites:
        peer, _, path = suite.partition("=")
        if peer not in ADAPTERS or not Path(path).is_dir():
            parser.error(f"got {suite!r}, expected one of {sorted(ADAPTERS)} and a checkout of it")
        extra = options.pytest.split()
        folder = Path(path).resolve()
        theirs = run_suite(peer, folder, True, extra)
        tests = judged(run_suite(peer, folder, False, extra), theirs)
        passed = sum(test["outcome"] == "passed" for test in tests.values())
        own = sum(theirs[name]["outcome"] == "passed" for name in tests)
        rows.append(f"| {peer} | {len(tests)} | {passed} | {own} |")
        missed = Counter(
            reason_of(peer, name) for name, test in tests.items() if test["outcome"] == "failed"
        )
        failures += [f"| {peer} | {n} | {why.who} | {why.why} |" for why, n in missed.items()]
    print("| suite | tests that reach this package | pass | pass with the peer itself |")
    print("| --- | ---: | ---: | ---: |")
    print("\n".join(rows))
    print("\n| suite | fail | who is right | why |\n| --- | ---: | --- | --- |")
    print("\n".join(failures))


if __name__ == "__main__":
    main()
