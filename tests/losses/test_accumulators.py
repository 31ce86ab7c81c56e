import math

import pytest
import torch

from pano_losses import ProtocolMetric, evaluate

from .conftest import make_maps


def _filled(protocol, maps, pieces):
    metric = ProtocolMetric(protocol)
    for piece in torch.arange(len(maps.target)).split(pieces):
        metric.update(
            {"distance_metric": maps.prediction[piece]}, maps.target[piece], maps.valid[piece]
        )
    return metric


@pytest.mark.parametrize("pieces", [[7], [1] * 7, [4, 3], [1, 5, 1]])
def test_batches_do_not_change_the_scores(generator, pieces):
    maps = make_maps(generator, batch=7)
    found = _filled("da2_paper", maps, pieces).compute()
    for name, value in evaluate(*maps, "da2_paper").items():
        assert found[name].item() == pytest.approx(value, abs=1e-13), name
    assert found["images_scored"] == 7
    assert found["images_skipped"] == 0


def test_uneven_shards_add_up_to_one_process(generator):
    maps = make_maps(generator, batch=5)
    shards = [
        _filled("metric", type(maps)(*(x[s] for x in maps)), [n])
        for s, n in ((slice(4), 4), (slice(4, 5), 1))
    ]
    whole = _filled("metric", maps, [5])
    merged = ProtocolMetric("metric")
    for state in ("total", "count", "images"):  # what torchmetrics' sum over ranks does
        setattr(merged, state, sum(getattr(s, state) for s in shards))
    merged._update_count = 1
    for name, value in whole.compute().items():
        assert merged.compute()[name].item() == pytest.approx(value.item(), abs=1e-13), name


def test_table_has_a_row_an_image_and_names_the_protocol(generator):
    maps = make_maps(generator, batch=3)
    maps.valid[1] = False
    metric = ProtocolMetric("da2_paper")
    metric.update(
        {"distance_metric": maps.prediction}, maps.target, maps.valid, keys=["a", "b", "c"]
    )
    rows = metric.table()
    assert [row["key"] for row in rows] == ["a", "b", "c"]
    assert {row["protocol"] for row in rows} == {"da2_paper"}
    assert math.isnan(rows[1]["absrel"])
    assert rows[1]["pixels"] == 0
    mean = (rows[0]["absrel"] + rows[2]["absrel"]) / 2
    assert metric.compute()["absrel"].item() == pytest.approx(mean, abs=1e-14)
    assert metric.compute()["images_skipped"] == 1


def test_reset_forgets_everything(generator):
    metric = _filled("metric", make_maps(generator), [3])
    metric.reset()
    assert metric.table() == []
    assert metric.images.sum() == 0


def _rank(rank, store, maps, sizes, results):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=len(sizes)
    )
    start = sum(sizes[:rank])
    mine = type(maps)(*(x[start : start + sizes[rank]] for x in maps))
    found = _filled("solid_angle_median", mine, [1] * sizes[rank]).compute()
    results[rank] = {name: value.item() for name, value in found.items()}
    torch.distributed.destroy_process_group()


@pytest.mark.ddp
def test_two_processes_with_uneven_shards_give_the_same_scores(generator, tmp_path):
    maps = make_maps(generator, batch=5)
    maps.valid[3] = False
    with torch.multiprocessing.get_context("spawn").Manager() as manager:
        results = manager.dict()
        torch.multiprocessing.spawn(
            _rank, (str(tmp_path / "store"), maps, (4, 1), results), nprocs=2
        )
        found = dict(results)
    alone = _filled("solid_angle_median", maps, [5]).compute()
    for rank in (0, 1):
        for name, value in alone.items():
            assert found[rank][name] == pytest.approx(value.item(), abs=1e-13), name


def test_a_rank_without_images_adds_nothing(generator):
    maps = make_maps(generator)
    busy, idle = _filled("metric", maps, [3]), ProtocolMetric("metric")
    assert torch.equal(busy.total + idle.total, busy.total)
    idle._update_count = 1
    assert idle.compute()["absrel"].isnan()
    assert idle.compute()["images_scored"] == 0


@pytest.mark.gpu
def test_states_follow_the_device_and_scores_agree(generator):
    maps = make_maps(generator)
    metric = ProtocolMetric("solid_angle_median").to("cuda")
    moved = [x.to("cuda") for x in maps]
    metric.update({"distance_metric": moved[0]}, *moved[1:])
    for name, value in evaluate(*maps, "solid_angle_median").items():
        assert metric.compute()[name].item() == pytest.approx(value, abs=1e-10), name
