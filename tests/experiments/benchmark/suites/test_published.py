"""The facts file: complete, in one unit, every number under a protocol."""

from pathlib import Path

import pytest
import yaml

from experiments.benchmark.suites.published import FILE, PublishedError, tables


def row(table: str, system: str, dataset: str) -> dict[str, float]:
    [found] = [r for r in tables()[table].rows if (r.system, r.dataset) == (system, dataset)]
    return dict(found.metrics)


def test_numbers_of_the_papers() -> None:
    assert row("da2_table1", "DA²", "stanford2d3d") == {
        "absrel": 0.0723, "rmse": 0.14, "delta1": 0.9545, "delta2": 0.9838,
    }  # fmt: skip
    assert row("da2_table1", "OmniFusion", "stanford2d3d") == {
        "absrel": 0.095, "delta1": 0.8988, "delta2": 0.9769,
    }  # fmt: skip
    assert row("dap_table3", "DAP", "deep360") == {
        "absrel": 0.0659,
        "rmse": 5.224,
        "delta1": 0.9525,
    }
    assert row("dap_test", "UniK3D", "dap_test")["rmse"] == 10.56
    assert row("depth_anywhere_table2", "BiFuse++, M + ST-all (p)", "matterport3d_unifuse") == {
        "absrel": 0.085, "delta1": 0.917, "delta2": 0.976, "delta3": 0.991,
    }  # fmt: skip


def test_every_system_of_the_tables() -> None:
    systems = {name: len({r.system for r in t.rows}) for name, t in tables().items()}
    assert systems == {
        "da2_table1": 35, "dap_table3": 8, "dap_test": 3, "depth_anywhere_table2": 9,
        "depth_anywhere_table3": 15, "depth_anywhere_table4": 3, "depth_anywhere_table5": 2,
    }  # fmt: skip


def test_values_are_fractions_in_order() -> None:
    for table in tables().values():
        for r in table.rows:
            deltas = [r.metrics[k] for k in ("delta1", "delta2", "delta3") if k in r.metrics]
            assert deltas == sorted(deltas)
            assert all(0.3 < d < 1 for d in deltas)
            assert 0.05 < r.metrics.get("absrel", 0.1) < 0.5
            assert r.metrics or r.note


def test_an_average_the_paper_prints() -> None:
    """DA² states averages over the three sets: .9573 and .9851 for the two accuracies."""
    rows = [r for r in tables()["da2_table1"].rows if r.system == "DA²"]
    mean = {m: sum(r.metrics[m] for r in rows) / 3 for m in ("absrel", "rmse", "delta1", "delta2")}
    assert mean == pytest.approx(
        {"absrel": 0.0662, "rmse": 0.2063, "delta1": 0.9573, "delta2": 0.9851}, abs=5e-5
    )


def test_differences_only_where_they_mean_something() -> None:
    table = tables()["da2_table1"]
    ours = {"absrel": 0.1, "rmse": 1.0, "delta1": 0.9, "sqrel": 0.3}
    assert table.differences("stanford2d3d", "da2_paper", "da2", "runs/da2", ours) == {
        "DA²": {"absrel": 0.0277, "delta1": -0.0545}
    }
    released = table.differences("stanford2d3d", "da2_released", "da2", "runs/da2", ours)
    assert released["DA²"]["rmse"] == 0.86
    assert table.differences("stanford2d3d", "solid_angle_median", "da2", "runs/da2", ours) == {}
    fusion = ("stanford2d3d", "da2_paper_affine", "fusion_baseline")
    assert table.differences(*fusion, "fusion:some/model", ours) == {}
    hub = "fusion:LiheYoung/depth-anything-large-hf"
    assert list(table.differences(*fusion, hub, ours)) == ["DepthAnything"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("unit", "metres", "got unit 'metres'"),
        ("protocol", "unknown", "got protocol 'unknown'"),
        ("columns", [["dap_test", "absrel"]], "got 3 values, expected 1"),
    ],
)
def test_damaged_facts(key: str, value: object, message: str, tmp_path: Path) -> None:
    raw = {"dap_test": yaml.safe_load(FILE.read_text())["dap_test"] | {key: value}}
    (tmp_path / "facts.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(PublishedError, match=message):
        tables(tmp_path / "facts.yaml")
