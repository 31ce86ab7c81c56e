import os
import random
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from experiments.pipeline.verify import collect, verify
from panodepth.cli import main
from tests.experiments import other_process

PIPELINE = """
stages:
  make:
    cmd: python make.py
    deps: [make.py]
    outs: [data, model.bin]
    metrics: [{metrics.json: {cache: false}}]
"""
MAKE = """
import json, pathlib, random
rng = random.Random(0)
for i in range(40):
    path = pathlib.Path("data") / f"part{i % 3}" / f"{i}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rng.randbytes(200))
pathlib.Path("model.bin").write_bytes(rng.randbytes(3000))
pathlib.Path("metrics.json").write_text(json.dumps({"AbsRel": 0.1}))
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clone")
    (root / "dvc.yaml").write_text(PIPELINE.replace("python", sys.executable))
    (root / "make.py").write_text(MAKE)
    assert other_process.call(reproduce, root) == 0
    return root


def reproduce(root: Path) -> None:
    os.chdir(root)
    Repo.init(no_scm=True).reproduce()


def _bad(root: Path, cache: bool = False) -> dict[str, str]:
    expected, known = collect(root, cache)
    findings = known + [f for f in verify(expected, 2) if f.state != "same"]
    return {f.path.relative_to(root).as_posix(): f.state for f in findings}


def _flip(path: Path, rng: random.Random) -> bytes:
    original = path.read_bytes()
    damaged = bytearray(original)
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    path.chmod(0o644)
    path.write_bytes(damaged)
    return original


def test_an_untouched_clone_is_as_recorded(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, known = collect(pipeline)
    assert len(expected) == 42
    assert known == []
    assert main(["verify", "--root", str(pipeline)]) == 0
    assert "42 files hashed, 0 not as recorded" in capsys.readouterr().err


def test_every_flipped_bit_is_found_and_named(pipeline: Path) -> None:
    rng = random.Random(1)
    for file in [f.path for f in collect(pipeline)[0]]:
        original = _flip(file, rng)
        assert _bad(pipeline) == {file.relative_to(pipeline).as_posix(): "differs"}
        file.write_bytes(original)


def test_missing_and_extra_files_are_named(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, extra = pipeline / "data/part0/0.bin", pipeline / "data/new.txt"
    content = lost.read_bytes()
    lost.unlink()
    extra.write_text("new")
    try:
        assert _bad(pipeline) == {"data/part0/0.bin": "missing", "data/new.txt": "extra"}
        assert main(["verify", "--root", str(pipeline)]) == 1
        out = capsys.readouterr().out
        assert "missing\t" in out
        assert "data/new.txt" in out
    finally:
        lost.write_bytes(content)
        extra.unlink()


def test_a_damaged_cache_is_found_on_request(pipeline: Path) -> None:
    digest = next(f for f in collect(pipeline)[0] if f.path.name == "model.bin").digest
    cached = pipeline / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    original = _flip(cached, random.Random(2))
    assert _bad(pipeline) == {}
    assert list(_bad(pipeline, cache=True).values()) == ["differs"]
    cached.write_bytes(original)


def test_without_the_list_of_a_folder_its_hash_still_tells(pipeline: Path) -> None:
    (manifest,) = (pipeline / ".dvc/cache/files/md5").glob("*/*.dir")
    original = _flip(manifest, random.Random(3))
    assert _bad(pipeline) == {}  # the folder itself is whole
    damaged = _flip(pipeline / "data/part0/0.bin", random.Random(4))
    assert _bad(pipeline) == {"data": "unlisted"}
    (pipeline / "data/part0/0.bin").write_bytes(damaged)
    manifest.write_bytes(original)


def test_a_stage_that_never_ran_is_told(pipeline: Path) -> None:
    lock = pipeline / "dvc.lock"
    text = lock.read_text()
    lock.unlink()
    try:
        states = _bad(pipeline)
    finally:
        lock.write_text(text)
    assert states == dict.fromkeys(["data", "model.bin", "metrics.json"], "never made")


def test_a_folder_without_a_pipeline_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--root", str(tmp_path)]) == 2
    assert "no readable DVC repository" in capsys.readouterr().err
