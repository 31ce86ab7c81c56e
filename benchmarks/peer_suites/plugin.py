"""A pytest plugin that answers a peer's calls by this package and notes which tests reached it.

`python -P -m pytest SUITE -p benchmarks.peer_suites.plugin --peer py360convert --peer-out FILE`;
with `--peer-own` the peer answers itself, and only the calls are counted.
"""

# ruff: noqa: D102 -- pytest documents its hooks.
import functools
import importlib
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

ADAPTERS = {
    "py360convert": "py360",
    "equilib": "equilib",
    "pytorch360convert": "pytorch360",
}


class Recorder:
    """Counts calls of the functions that are replaced, and keeps the outcome of each test."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.calls = 0
        self.tests: dict[str, dict[str, Any]] = {}

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, which counts its calls."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return function(*args, **kwargs)

        return call

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        before = self.calls
        yield
        self.tests.setdefault(item.nodeid, {})["calls"] = self.calls - before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            test = self.tests.setdefault(report.nodeid, {})
            test["outcome"] = report.outcome
            crash = getattr(report.longrepr, "reprcrash", None)
            if report.failed and crash is not None:
                test["error"] = crash.message.splitlines()[0]

    def pytest_sessionfinish(self) -> None:
        self.out.write_text(json.dumps(self.tests, indent=1))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--peer", choices=sorted(ADAPTERS))
    parser.addoption("--peer-out", type=Path)
    parser.addoption("--peer-own", action="store_true")


def pytest_configure(config: pytest.Config) -> None:
    recorder = Recorder(config.getoption("--peer-out"))
    adapter = importlib.import_module(
        f"benchmarks.peer_suites.{ADAPTERS[config.getoption('--peer')]}"
    )
    for path, names in adapter.CALLS.items():
        module = importlib.import_module(path)
        for name, ours in names.items():
            answers = getattr(module, name) if config.getoption("--peer-own") else ours
            setattr(module, name, recorder.counted(answers))
    config.pluginmanager.register(recorder)
