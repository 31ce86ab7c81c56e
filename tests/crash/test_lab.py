"""The lab itself: it draws the same cases from a seed, and reports what breaks a promise."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.crash import hooks, outcomes, page, parsed
from tests.crash.__main__ import RECORD, run, run_every
from tests.crash.case import Done, Ending, Fault, Kind
from tests.crash.damages import damaged_data, flipped_artefacts
from tests.crash.draw import case_seeds, every_seed, run_case
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


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ('File "/srv/a/site-packages/torch/nn.py", line 3', 'File "…/torch/nn.py", line 3'),
        ("ew/x/lib/python3.11/site-packages/torch/nn.py", "…/torch/nn.py"),
        ("files ['/srv/a/run/a.part'] are left", "files ['…/a.part'] are left"),
        ("/tmp/x/runs of .runs/tiny/a/b.json", "…/runs of .runs/tiny/a/b.json"),
        ("https://example.org/a/b at 3/4", "https://example.org/a/b at 3/4"),
    ],
)
def test_the_record_says_nothing_of_the_folders_of_a_machine(
    tmp_path: Path, told: str, kept: str
) -> None:
    page.keep(tmp_path / "r.json", "1", Ending("a", 1, told, told, 0.0))
    (kind,) = page.read(tmp_path / "r.json")["draws"]["1"]["kinds"].values()
    assert kind["faults"] == [{"seed": 1, "what": kept, "fault": kept}]
    assert kind["last"] == kept


def test_the_committed_record_says_nothing_of_the_folders_of_a_machine() -> None:
    text = RECORD.read_text()
    assert page.without_places(text) == text


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
    kills = {"teacher, 1 rank, 0 workers, rename (checkpoint)": 2,
             "da2, 1 rank, 2 workers, the clock": 1}  # fmt: skip
    for draw, fault in (("1", None), ("1", "lost"), ("2", None)):
        ending = Ending("T1-training", 5, "da2", fault, 60.0, {} if fault else kills)
        page.keep(tmp_path / "r.json", draw, ending)
    page.write(tmp_path / "page.md", tmp_path / "r.json")
    text = (tmp_path / "page.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| T1-training |")]
    assert row.endswith("| 3 | 7 | 1 | 3.0 |")
    assert "seeds 1, 2" in text
    rows = [line for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert [row.split(" | ")[2:5] for row in rows] == [["1", "4", "T1-training 1"],
                                                       ["1", "3", "none"]]  # fmt: skip
    assert all(f"| {kind.name} |" in text for kind in KINDS)
    sorts = (
        "* T1-training: 4 teacher, 2 da2; 6 1 rank; 4 0 workers, 2 2 workers; "
        "4 rename (checkpoint), 2 the clock."
    )
    assert sorts in text


def test_the_page_is_that_of_its_record() -> None:
    assert RECORD.with_suffix(".md").read_text() == page.text(page.read(RECORD)["draws"])


def test_every_case_is_run_once(tmp_path: Path) -> None:
    seen = []

    def draw(rng: random.Random, folder: Path) -> Done:
        seen.append(rng.randrange(7))
        return Done("one", {"a": 2})

    kind = Kind("a", "", draw, apart=False, different=lambda: 7)
    endings = run_every(kind, tmp_path, tmp_path / "out.json", slice(0, None, 2))
    assert len(endings) == 4
    endings += run_every(kind, tmp_path, tmp_path / "out.json", slice(1, None, 2))
    assert sorted(seen) == list(range(7))
    assert len(set(every_seed(7))) == 7
    assert sum(ending.count for ending in endings) == 14


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
        try:
            function(*arguments)
        except BaseException:  # noqa: BLE001 - told by the exit code
            os._exit(1)
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


def grown(folder: Path) -> None:
    hooks.kill_at_size(folder, 100)
    for size in (90, 150):
        (folder / f"{size}").write_bytes(bytes(size))


def test_a_process_is_ended_in_the_write_beyond_a_size(tmp_path: Path) -> None:
    assert in_a_child(grown, tmp_path) in hooks.KILLED
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == {"90": 90, "150": 100}


def refused(folder: Path) -> None:
    hooks.refuse_from_call(folder, 3)
    try:
        write_two(folder)
    except OSError as error:
        (folder.parent / "error").write_text(os.strerror(error.errno or 0))
    (folder / "two.part").unlink()


def test_space_is_refused_from_a_call_on_and_files_can_still_go(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    assert in_a_child(refused, folder) == 0
    assert (tmp_path / "error").read_text() == "Disk quota exceeded"
    assert [p.name for p in folder.iterdir()] == ["one"]


@pytest.mark.parametrize(("line", "place"), [
    ("open .runs/tiny/0a/.last.1f.part.ckpt", "open (checkpoint)"),
    ("after fsync runs/.tiny.0a.part/config.yaml", "after fsync (publishing)"),
    ("os.rename .runs/tiny/0a/tracking/.delivered.1f.part", "rename (tracking queue)"),
    ("sql INSERT INTO metrics", "statement (MLflow)"),
    ("open .runs/tiny/0a/lock", "open (notes)"),
])  # fmt: skip
def test_a_kill_is_told_by_its_place(line: str, place: str) -> None:
    assert hooks.where(line) == place


def test_forks_of_a_process_that_waits_tell_their_end(tmp_path: Path) -> None:
    here, there = multiprocessing.Pipe()
    server = os.fork()
    if not server:
        here.close()
        asked = parsed._requested(there)  # returns in the forks alone
        if "CODE" not in asked.variables:
            signal.pause()
        os._exit(int(asked.variables["CODE"]))
    there.close()
    assert here.recv() == "ready"
    source = parsed.Parsed(here)
    children = [source.fork(tmp_path, own) for own in ({"CODE": "0"}, {"CODE": "3"}, {})]
    assert children[2].exitcode is None
    children[2].kill()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 3, -signal.SIGKILL]
    here.close()
    assert os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]) == 0


def test_the_clock_jumps_to_and_fro() -> None:
    def jumped(folder: Path) -> None:
        real = time.time()
        hooks.jump_clock(folder, 1)
        shifts = [time.time() - real for _ in range(50)]
        assert min(shifts) < -86400 < 86400 < max(shifts) < 2 * hooks.YEAR_S

    assert in_a_child(jumped, Path()) == 0


def test_stray_files_and_processes_are_found(tmp_path: Path) -> None:
    for name in (".last.1a2b.part.ckpt", "a/.tiny.old", "a/whole.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert outcomes.stray_files(tmp_path) == [".last.1a2b.part.ckpt", "a/.tiny.old"]
    assert outcomes.processes_in(tmp_path) == []
    child = os.fork()
    if not child:
        os.chdir(tmp_path / "a")
        signal.pause()
    try:
        while (Path(f"/proc/{child}/cwd")).resolve() != (tmp_path / "a").resolve():
            pass
        assert outcomes.processes_in(tmp_path) == [child]
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


@pytest.mark.parametrize("draw", [damaged_data, full_disk_while_writing, flipped_artefacts])
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
