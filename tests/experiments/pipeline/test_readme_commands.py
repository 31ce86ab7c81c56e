from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments.pipeline import readme_commands
from experiments.pipeline.readme_commands import Line, found, lines, pages, problem
from tests.experiments import other_process


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings compose their configuration in forked processes, not in fresh interpreters."""

    def fails(module: Sequence[str], root: Path) -> str | None:
        done = other_process.run_module(root, *module)
        return (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else None

    monkeypatch.setattr(readme_commands, "_fails", fails)


PAGE = """
Text with `make nothing`.

```
make repro     # everything
panodepth predict PATH... --model runs/da2 --out out/
python -m experiments.da2 fit \\
    --trainer.max_steps 3
```

```
worlds -> manifests -> da2 -> report
```

```python
make = 1
```

```sh
dvc repro train_da2    # the training; takes ten minutes
ls out                 # needs no GPU
curl away
```

```sh title="Not run by the tests: needs a display"
make ui
```

```text title="Usage"
panodepth view DIR [--port N]
```
"""


def test_lines_are_those_of_shell_blocks_with_the_reason_why_they_cannot_run() -> None:
    assert list(lines("a.md", PAGE)) == [
        Line("a.md", "make repro"),
        Line("a.md", "panodepth predict PATH... --model runs/da2 --out out/"),
        Line("a.md", "python -m experiments.da2 fit --trainer.max_steps 3"),
        Line("a.md", "dvc repro train_da2", "takes ten minutes"),
        Line("a.md", "ls out"),
        Line("a.md", "curl away"),
        Line("a.md", "make ui", "needs a display"),
        Line("a.md", "panodepth view DIR [--port N]", usage=True),
    ]


def test_the_pages_hold_commands() -> None:
    told = [line.page for line in pages()]
    assert told.count("README.md") >= 10
    assert {f"experiments/{paper}/README.md" for paper in ("da2", "dap", "depth_anywhere")} < {
        *told
    }
    assert {"docs/start.md", "docs/cookbook/photos.md", "packages/panodepth/README.md"} < {*told}


@pytest.mark.parametrize("line", dict.fromkeys(pages()), ids=lambda line: line.command)
def test_what_a_page_promises_exists(line: Line) -> None:
    """Programs, options, stages and sections; trainings compose their configuration."""
    assert found(line) is None


def test_alternatives_of_a_line_of_usage_are_those_of_the_option() -> None:
    line = Line("a.md", "panodepth reconstruct DIR --out OUT [--solve auto|none|all]", usage=True)
    told = found(line) or ""
    assert "--solve: got auto|none|all, expected all|auto|common|none|pose|scale" in told


def test_an_option_of_a_line_of_usage_that_does_not_exist_is_told() -> None:
    line = Line("a.md", "panodepth view DIR [--prot N] [--html FILE]", usage=True)
    assert found(line) == "panodepth view has no option --prot"
    assert "veiw" in (found(Line("a.md", "panodepth veiw DIR", usage=True)) or "")
    assert "curl" in (found(Line("a.md", "curl away")) or "")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("make everything", "no target everything"),
        ("panodepth predcit a.png", "got ['predcit']"),
        ("panodepth predict a.png --modle runs/da2 --out out", "--modle"),
        ("panodepth evaluate --model runs/da2 --nosuch 3 --root data", "--nosuch"),
        ("python -m experiments.no_such fit", "no module experiments.no_such"),
        ("python -m experiments.da2 fit --trainer.maxsteps 3", "maxsteps"),
        ("python -m experiments.dap.label dap_label_1_nowhere", "no section dap_label_1_nowhere"),
        ("dvc repro train_nothing", "no stage train_nothing"),
        ("pip install ./packages/nothing", "no folder ./packages/nothing"),
        (
            "panodepth reconstruct maps --manifest data/manifests/zind/no.parquet --out scene",
            "params.yaml names no data/manifests/zind/no.parquet",
        ),
        ("scripts/nothing.sh", "no scripts/nothing.sh"),
        (". venv/bin/activate", "venv/bin/activate"),
    ],
)
def test_what_does_not_exist_is_told(command: str, told: str) -> None:
    assert told in (problem(command) or "")


TRAIN = "panodepth train PHOTOS DEPTH --units 1000 --out runs/mine"


def test_run_pastes_the_commands_into_a_clone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text(
        "```\nmake good   # comment\nmake bad\n. .venv/bin/activate\npanodepth audit x\n"
        "panodepth view out/\nmake test\n```\n"
        "```sh\n# A new folder each time.\n" + f"{TRAIN}\n" * 2 + "```\n"
    )
    (tmp_path / "Makefile").write_text("good:\n\t@echo made\nbad:\n\t@exit 3\n")
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f"export PATH={programs}:$PATH\n")
    (programs / "panodepth").write_text(
        '#!/bin/sh\necho ran "$@"\n[ "$1" = view ] && sleep 9\n'
        '[ "$1" != train ] || { for out; do :; done; mkdir "$out"; }\n'
    )
    (programs / "panodepth").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readme_commands, "SERVE_S", 0.5)
        assert readme_commands.run(tmp_path, skip=["make test"]) == 1
    out = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    told = {line[2]: line[0] for line in out if len(line) == 3}
    assert told == {
        "make good": "ok",
        "make bad": "FAILED (2)",
        ". .venv/bin/activate": "ok",
        "panodepth audit x": "ok",
        "panodepth view out/": "ok",
        TRAIN: "ok",
    }
    assert ["ran audit x"] in out
