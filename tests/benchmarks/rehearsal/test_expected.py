"""A report that lacks a suite, a row or a table is told from a whole one."""

import json
from pathlib import Path
from typing import Any

from benchmarks.rehearsal import expected
from experiments.ablations import read_queue
from experiments.benchmark.report.ablation_tables import published
from experiments.benchmark.suites.catalogue import SUITES

SECTIONS: dict[str, Any] = {"suites": {"models": ["m"]}}


def ablations() -> dict[str, Any]:
    """A number in every row of the queue, on the sets of the papers' tables."""
    names = {
        f"val/{dataset}/{protocol}/absrel"
        for dataset in ("stanford2d3d", "matterport3d_unifuse", "deep360")
        for protocol in ("da2_paper", "dap_metric", "depth_anywhere_paper")
    }
    return {
        name: {
            row: {key: [0.1] for key in names}
            for row, about in group["rows"].items()
            if about.get("scale") != "small"
        }
        for name, group in read_queue().items()
    }


def write(reports: Path) -> None:
    (reports / "suites").mkdir(parents=True)
    (reports / "figures").mkdir()
    for name in expected.PAGES:
        (reports / name).touch()
    for suite in SUITES.values():
        rows = [{"system": "m", "dataset": part.dataset, "metrics": {"absrel": 1}}
                for part in suite.datasets]  # fmt: skip
        (reports / "suites" / f"{suite.name}.json").write_text(json.dumps({"rows": rows}))
    (reports / "ablations.json").write_text(json.dumps(ablations()))
    titles = [f"{name} · {table.title}" for name, table in published().items()]
    (reports / "leaderboard.md").write_text("\n".join([expected.RANKED, *titles]))


def test_a_whole_report_lacks_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert expected.missing(tmp_path, SECTIONS) == []


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "cost.json").unlink()
    suite = tmp_path / "suites/dap_table3.json"
    rows = json.loads(suite.read_text())["rows"]
    rows[0] |= {"metrics": {}, "note": "is not there"}  # told, and no fault
    suite.write_text(json.dumps({"rows": rows[:-1]}))
    scores = ablations()
    del scores["da2"]["plus_vkitti2"], scores["dap_selection"]["at_random"]
    (tmp_path / "ablations.json").write_text(json.dumps(scores))
    (tmp_path / "leaderboard.md").write_text("\n".join(
        f"{name} · {table.title}" for name, table in published().items() if name != "da2_table3"
    ))  # fmt: skip
    assert sorted(expected.missing(tmp_path, SECTIONS)) == sorted([
        "cost.json", "m on deep360 of dap_table3", "da2.plus_vkitti2", "dap_selection.at_random",
        "da2_table2, row plus_vkitti2", f"table {expected.RANKED}",
        "table da2_table3 · DA², without one of its parts",
    ])  # fmt: skip


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    found = expected.missing(tmp_path, SECTIONS)
    assert {*expected.PAGES, f"table {expected.RANKED}"} <= set(found)
    assert len(found) > sum(len(suite.datasets) for suite in SUITES.values())


def test_disparity_up_to_a_shift_is_expected_only_where_a_protocol_fits_it(tmp_path: Path) -> None:
    write(tmp_path)
    net = {"init_args": {"head": "affine"}}
    student = {"model": {"init_args": {"net": net}}}
    found = expected.missing(tmp_path, {"suites": {"models": ["m", "s"]}, "s": student})
    assert "s on structured3d of structured3d" in found
    assert not [line for line in found if line.endswith(("dap_table3", "dap_test"))]
