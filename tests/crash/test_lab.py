"""The lab itself: it draws the same cases from a seed, and reports what breaks a promise."""

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.crash import hooks, page, trainings
from tests.crash.__main__ import run
from tests.crash.case import Ending, Fault, Kind
from tests.crash.damages import damaged_data, flipped_artefact
from tests.crash.draw import case_seeds, run_case
from tests.crash.full_disks import full_disk_while_writing
from tests.crash.hostile import ATTACKS, hostile_file
from tests.crash.kinds import KINDS
from tests.crash.uploads import hostile_upload


def number(rng: random.Random, folder: Path) -> str:
    (folder / "left").touch()
    return str(rng.random())


def broken(rng: random.Random, folder: Path) -> str:
    raise Fault("lost a file")


def clumsy(rng: random.Random, folder: Path) -> str:
    return str(1 // 0)


def test_a_seed_makes_the_same_case(tmp_path: Path) -> None:
    kind = Kind("a", "", number, apart=False)
    one, other = case_seeds(7), case_seeds(7)
    seeds = [next(one) for _ in range(3)]
    assert seeds == [next(other) for _ in range(3)]
    assert len(set(seeds)) == 3
    endings = [run_case(kind, seed, tmp_path) for seed in (*seeds, seeds[0])]
    assert endings[0].what == endings[3].what != endings[1].what
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize(("draw", "told"), [(broken, "lost a file"), (clumsy, "ZeroDivisionErr")])
def test_a_fault_is_told_with_the_line_that_repeats_it(
    draw: Any, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [Kind("a", "", number, apart=False), Kind("b", "", draw, apart=False)]
    endings = run(kinds, 3, 0.02, tmp_path, tmp_path / "out.json")
    assert {e.kind for e in endings if e.fault} == {"b"}
    assert all(told in e.fault for e in endings if e.fault)
    (first, *_) = [e for e in endings if e.fault]
    assert f"python -m tests.crash --case b {first.seed}" in capsys.readouterr().out
    kept = json.loads((tmp_path / "out.json").read_text())["draws"]["3"]["kinds"]
    assert kept["a"]["trials"] == sum(e.kind == "a" for e in endings)
    assert len(kept["b"]["faults"]) == kept["b"]["trials"] > 0


def test_the_page_counts_all_draws(tmp_path: Path) -> None:
    for seed, fault in ((1, None), (1, "lost"), (2, None)):
        page.keep(tmp_path / "r.json", seed, Ending("T8-flip", seed, "png: harmless", fault, 60.0))
    page.write(tmp_path / "page.md", tmp_path / "r.json")
    text = (tmp_path / "page.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| T8-flip |")]
    assert row.endswith("| 3 | 1 | 3.0 |")
    assert "seeds 1, 2" in text
    assert all(f"| {kind.name} |" in text for kind in KINDS)


def write_two(folder: Path) -> None:
    (folder / "one").write_bytes(b"1")
    with (folder / "two.part").open("wb") as file:
        file.write(b"2")
        file.flush()
        os.fsync(file.fileno())
    (folder / "two.part").rename(folder / "two")


def in_a_child(function: Any, *arguments: Any) -> int:
    child = os.fork()
    if not child:
        function(*arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def counted(folder: Path) -> None:
    hooks.note_calls(folder)
    write_two(folder)
    (folder.parent / "elsewhere").write_bytes(b"3")


def killed(folder: Path, call: int) -> None:
    hooks.kill_at_call(folder, call)
    write_two(folder)


CALLS = ["open one", "open two.part", "before fsync two.part", "after fsync two.part",
         "os.rename two.part"]  # fmt: skip


def test_calls_below_a_folder_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    assert in_a_child(counted, folder) == 0
    assert hooks.calls(folder) == CALLS


@pytest.mark.parametrize(("call", "left"), [
    (1, []), (2, ["one"]), (3, ["one", "two.part"]), (5, ["one", "two.part"]), (6, ["one", "two"]),
])  # fmt: skip
def test_a_process_is_killed_at_the_call_that_was_drawn(
    call: int, left: list[str], tmp_path: Path
) -> None:
    code = in_a_child(killed, tmp_path, call)
    assert code == (-signal.SIGKILL if call <= len(CALLS) else 0)
    assert hooks.calls(tmp_path) == CALLS[call - 1 : call]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "seen.txt") == left


def test_stray_files_and_processes_are_found(tmp_path: Path) -> None:
    for name in (".last.1a2b.part.ckpt", "a/.tiny.old", "a/whole.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert trainings.stray_files(tmp_path) == [".last.1a2b.part.ckpt", "a/.tiny.old"]
    assert trainings.processes_in(tmp_path) == []
    child = os.fork()
    if not child:
        os.chdir(tmp_path / "a")
        signal.pause()
    try:
        while (Path(f"/proc/{child}/cwd")).resolve() != (tmp_path / "a").resolve():
            pass
        assert trainings.processes_in(tmp_path) == [child]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_canary_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def attack(rng: random.Random, inside: Path, canary: Path) -> str:
        canary.touch()
        return "read"

    monkeypatch.setattr("tests.crash.hostile.ATTACKS", {"checkpoint": attack})
    with pytest.raises(Fault, match=r"wrote .*evil"):
        hostile_file(random.Random(1), tmp_path)


@pytest.mark.parametrize("draw", [damaged_data, full_disk_while_writing, flipped_artefact])
@pytest.mark.parametrize("seed", range(3))
def test_cases_of_readers_and_writers(draw: Any, seed: int, tmp_path: Path) -> None:
    draw(random.Random(seed), tmp_path)


@pytest.mark.parametrize("name", list(ATTACKS))
@pytest.mark.parametrize("seed", range(3))
def test_hostile_files(
    name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.crash.hostile.ATTACKS", {name: ATTACKS[name]})
    hostile_file(random.Random(seed), tmp_path)


def test_hostile_uploads(tmp_path: Path) -> None:
    hostile_upload(random.Random(0), tmp_path)
