import json
import multiprocessing

import numpy as np
import pytest
import torch

from pano_data.datamodule import ErpDataModule
from pano_data.errors import CorruptSampleError
from pano_data.sample import validate_sample
from pano_data.shards import ShardDataset, finish, finish_if_whole, pack
from pano_data.shards.samples import decode_sample, encode_sample
from pano_data.sources import Source
from tests.data.synthetic import Numbered


def sample():
    return {**Numbered(3, size=(64, 128))[1], "metric": torch.tensor(False)}


def test_round_trip():
    given = sample()
    given["distance"] = torch.where(given["valid"], given["distance"], 0.0)
    back = decode_sample(encode_sample(given))
    validate_sample(back)
    for name in ("valid", "far", "metric"):
        assert torch.equal(back[name], given[name])
    assert (back["key"], back["dataset"]) == (given["key"], given["dataset"])
    torch.testing.assert_close(back["distance"], given["distance"], rtol=6e-5, atol=0)
    noise = (back["image"] - given["image"]).square().mean()
    assert -10 * torch.log10(noise) > 40  # dB


def test_channels_keep_their_order():
    given = sample()
    given["image"] = torch.tensor([0.9, 0.5, 0.1])[:, None, None].expand(3, 64, 128)
    assert decode_sample(encode_sample(given))["image"].mean((1, 2)).tolist() == pytest.approx(
        [0.9, 0.5, 0.1], abs=0.01
    )


def test_resized_by_the_rules_of_the_reader():
    back = decode_sample(encode_sample(sample()), (32, 64))
    assert back["image"].shape == (3, 32, 64)
    whole = decode_sample(encode_sample(sample()))["distance"]
    assert np.isin(back["distance"].numpy(), whole.numpy()).all()  # no mean over an edge


def test_damaged_picture():
    record = encode_sample(sample())
    record["rgb"] = record["rgb"][:40]
    with pytest.raises(CorruptSampleError, match="no picture"):
        decode_sample(record)


@pytest.mark.parametrize("cut", [0, 3, 40, -3])
def test_damaged_distance(cut):
    record = encode_sample(sample())
    record["distance"] = record["distance"][:cut]
    with pytest.raises(CorruptSampleError, match="not a distance record"):
        decode_sample(record)


def test_distance_of_another_picture():
    record, other = encode_sample(sample()), encode_sample(Numbered(1)[0])
    with pytest.raises(CorruptSampleError, match="size mismatch"):
        decode_sample({**record, "distance": other["distance"]})


class Damaged(Numbered):
    def __getitem__(self, index):
        if index == 4:
            raise CorruptSampleError("images/4.png", "truncated", "got 10 bytes")
        return super().__getitem__(index)


def test_every_sample_once_in_a_global_random_order(tmp_path):
    pack(Numbered(200), tmp_path, seed=3, chunk=16)
    keys = [int(key) for key in finish(tmp_path).keys]
    assert sorted(keys) == list(range(200))
    steps = np.abs(np.diff(keys)).mean() / 200
    assert steps > 0.25  # one third is ideal; a sorted pack has 0.005


def test_samples_equal_those_packed(tmp_path):
    source = Numbered(11)
    pack(source, tmp_path, chunk=4)
    finish(tmp_path)
    for sample in map(ShardDataset(tmp_path).__getitem__, range(11)):
        truth = source[int(sample["key"])]
        expected = torch.where(truth["valid"], truth["distance"], 0.0)
        torch.testing.assert_close(sample["distance"], expected, rtol=6e-5, atol=0)


def test_damaged_samples_are_left_out_with_their_reason(tmp_path, caplog):
    pack(Damaged(9), tmp_path, chunk=4)
    assert len(finish(tmp_path)) == 8
    (entry,) = json.loads((tmp_path / "left_out.json").read_text())
    assert entry["reason"] == "truncated"
    assert "images/4.png" in caplog.text


def test_the_loader_reads_shards_with_and_without_workers(tmp_path):
    pack(Numbered(12), tmp_path, chunk=5)
    finish(tmp_path)
    batches = []
    for workers in (0, 2):
        data = ErpDataModule(
            {"a": Source(shards=str(tmp_path))}, size=(4, 8), batch_size=3, num_workers=workers
        )
        batches.append(list(data.train_dataloader()))
    assert sorted(k for b in batches[0] for k in b["key"]) == [f"{i:04d}" for i in range(12)]
    for one, two in zip(*batches, strict=True):
        assert one["key"] == two["key"]
        assert torch.equal(one["distance"], two["distance"])


def rank_of_two(out, rank):
    pack(Numbered(7), out, chunk=1, rank=rank, world=2)
    finish_if_whole(out)


def test_two_processes_at_once_write_the_bytes_of_one(tmp_path):
    pack(Numbered(7), tmp_path / "one", chunk=1)
    assert len(finish(tmp_path / "one")) == 7
    fork = multiprocessing.get_context("fork")  # cheap: nothing is imported again
    ranks = [fork.Process(target=rank_of_two, args=(tmp_path / "two", rank)) for rank in (0, 1)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
        assert process.exitcode == 0
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two  # the last rank wrote the index


def test_nothing_is_finished_before_every_rank_is_done(tmp_path):
    pack(Numbered(7), tmp_path, chunk=1, rank=1, world=2)
    assert finish_if_whole(tmp_path) is None
    assert not (tmp_path / "index.json").exists()
    pack(Numbered(7), tmp_path, chunk=1, rank=0, world=2)
    assert sorted(finish_if_whole(tmp_path).keys) == [f"{i:04d}" for i in range(7)]
