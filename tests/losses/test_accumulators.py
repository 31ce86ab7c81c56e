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
