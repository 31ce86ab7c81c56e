import hashlib
import json
import pickle
import shutil

import pytest
from litdata.streaming.writer import BinaryWriter

from pano_data.errors import CorruptSampleError, DataError, DatasetNotFoundError
from pano_data.shards.store import Plan, Store, close, write_chunks

PLAN = Plan(count=23, chunk=5, settings={"seed": 1})


def read(positions):
    return [{"key": f"k{i}", "data": bytes([i]) * (i + 1)} for i in positions]


def hashes(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_items_by_number_and_by_key(tmp_path):
    assert write_chunks(tmp_path, PLAN, read) == 5
    store = close(tmp_path)
    assert len(store) == 23
    for number in (0, 4, 5, 22):
        assert store[number]["key"] == f"k{number}"
        assert bytes(store.find(f"k{number}")["data"]) == bytes([number]) * (number + 1)
    assert "k7" in store
    assert "other" not in store
    with pytest.raises(IndexError):
        store[23]
    with pytest.raises(DataError, match="no item 'other'"):
        store.find("other")


@pytest.mark.parametrize("world", [2, 3])
def test_any_number_of_ranks_writes_the_same_bytes(tmp_path, world):
    write_chunks(tmp_path / "one", PLAN, read)
    for rank in reversed(range(world)):
        write_chunks(tmp_path / "many", PLAN, read, rank, world)
    close(tmp_path / "one")
    close(tmp_path / "many")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "many")


def test_a_killed_run_resumes_and_a_finished_one_does_nothing(tmp_path):
    done = []

    def dies(positions):
        done.append(positions.start)
        if positions.start == 10:
            raise KeyboardInterrupt
        return read(positions)

    with pytest.raises(KeyboardInterrupt):
        write_chunks(tmp_path / "killed", PLAN, dies)
    with pytest.raises(DataError, match="3 of 5 chunks are missing"):
        close(tmp_path / "killed")
    assert write_chunks(tmp_path / "killed", PLAN, read, world=1) == 3
    close(tmp_path / "killed")
    assert write_chunks(tmp_path / "killed", PLAN, read) == 0
    write_chunks(tmp_path / "whole", PLAN, read)
    close(tmp_path / "whole")
    assert done == [0, 5, 10]
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")


def test_what_a_killed_process_left_is_removed(tmp_path):
    """SIGKILL leaves temporary files; DVC would take them for other data."""
    write_chunks(tmp_path / "killed", PLAN, read)
    (tmp_path / "killed/.chunk-x1y2").mkdir()
    for name in (".chunk-x1y2/chunk-0-3.bin", "cards/.000003-abc.json", ".plan.0a1b.part.json"):
        (tmp_path / "killed" / name).write_text("{")
    write_chunks(tmp_path / "whole", PLAN, read)
    close(tmp_path / "killed")
    close(tmp_path / "whole")
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")
    assert not list((tmp_path / "killed").glob(".*"))


def test_a_second_writer_of_a_chunk_may_be_removed_too(tmp_path, monkeypatch):
    done = BinaryWriter.done

    def swept(writer):
        shutil.rmtree(writer._cache_dir)
        return done(writer)

    write_chunks(tmp_path, Plan(5, 5, {}), read)
    card = (tmp_path / "cards/000000.json").read_text()
    (tmp_path / "cards/000000.json").unlink()
    monkeypatch.setattr(BinaryWriter, "done", swept)
    with pytest.raises((OSError, ValueError)):  # nobody else has written it
        write_chunks(tmp_path, Plan(5, 5, {}), read)

    def other_is_faster(positions):
        (tmp_path / "cards/000000.json").write_text(card)
        return read(positions)

    assert write_chunks(tmp_path, Plan(5, 5, {}), other_is_faster) == 1
    assert len(close(tmp_path)) == 5


def test_items_may_be_left_out(tmp_path):
    write_chunks(
        tmp_path, PLAN, lambda p: [r for r in read(p) if int(r["key"][1:]) not in range(9)]
    )
    assert close(tmp_path).keys == [f"k{i}" for i in range(9, 23)]


def test_another_plan_is_refused(tmp_path):
    write_chunks(tmp_path, PLAN, read)
    with pytest.raises(DataError, match=r"another plan \(settings differ\)"):
        write_chunks(tmp_path, Plan(23, 5, {"seed": 2}), read)


def test_a_store_crosses_process_borders(tmp_path):
    write_chunks(tmp_path, PLAN, read)
    store = close(tmp_path)
    assert store[3]["key"] == "k3"
    assert pickle.loads(pickle.dumps(store))[9]["key"] == "k9"


def test_raises(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="closed store"):
        Store(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="plan of a store"):
        close(tmp_path)
    with pytest.raises(DataError, match="nothing to store"):
        write_chunks(tmp_path / "a", Plan(0, 5, {}), read)
    write_chunks(tmp_path / "b", PLAN, lambda p: [{"key": "same", "data": b"1"}])
    with pytest.raises(DataError, match=r"two items share a key.*same"):
        close(tmp_path / "b")
    broken = CorruptSampleError("x.png", "empty", "no bytes")
    write_chunks(tmp_path / "c", PLAN, lambda p: [broken])
    with pytest.raises(DataError, match=r"all items of . chunks were left out"):
        close(tmp_path / "c")


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


@pytest.mark.parametrize("name", ["index.json", "keys.json"])
@pytest.mark.parametrize("text", ["", "{", "3", "null", '["a"', "[" * 100_000, None])
def test_a_damaged_index_is_reported_in_one_line(tmp_path, name, text):
    write_chunks(tmp_path, PLAN, read)
    close(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    missing = text is None and name == "index.json"
    with pytest.raises(DataError, match="closed store" if missing else "is damaged"):
        Store(tmp_path)


def test_shards_of_others_run_no_code(tmp_path):
    """LitData unpickles an item where the index of the shards says so."""
    write_chunks(tmp_path, Plan(1, 1, {}), read)
    close(tmp_path)
    (tmp_path / "other").mkdir()
    writer = BinaryWriter(str(tmp_path / "other"), chunk_size=1, chunk_index=9)
    writer.add_item(0, {"data": Canary(tmp_path / "canary"), "key": "k0"})
    writer.done()
    (own,) = (tmp_path / "other").glob("*index.json")
    described = json.loads(own.read_text())
    for chunk in (tmp_path / "other").glob("*.bin"):
        shutil.copy(chunk, tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    assert "pickle" in described["config"]["data_format"]
    hostile = {**index, "chunks": described["chunks"], "config": described["config"]}
    (tmp_path / "index.json").write_text(json.dumps(hostile))
    with pytest.raises(DataError, match="these shards are not ours"):
        Store(tmp_path)[0]
    assert not (tmp_path / "canary").exists()
    index["chunks"][0]["filename"] = "../../secret.bin"
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="stays below"):
        Store(tmp_path)
