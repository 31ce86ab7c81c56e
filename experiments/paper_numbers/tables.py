"""The papers' tables of results: what is kept of them, and what stands beside it."""

from pathlib import Path

from experiments.ablations import read_queue
from experiments.benchmark.report import ablation_tables
from experiments.benchmark.suites.catalogue import SUITES
from experiments.benchmark.suites.published import PublishedTable, tables
from experiments.pipeline import params

HEAD = """## Tables of results

Every number of the papers' tables of results is kept in
`experiments/benchmark/suites/published.yaml` and `published_ablations.yaml`, and the report puts
ours beside it under a named protocol. Ours exist where somebody has run the papers' pipeline.

| table | numbers kept | ours beside them | under |
| --- | --- | --- | --- |
"""


def results(path: Path) -> str:
    """Return the part of the page that lists the tables of results.

    Args:
        path: Values file, for the models that are scored.
    """
    models = len(params.section("suites", path)["models"])
    lines = [_suite_line(name, table, models) for name, table in tables().items()]
    lines += [_ablation_line(name) for name in ablation_tables.published()]
    return HEAD + "".join(lines)


def _suite_line(name: str, table: PublishedTable, models: int) -> str:
    used = [suite for suite in SUITES.values() if suite.table == name]
    numbers = sum(len(row.metrics) for row in table.rows)
    suites = ", ".join(f"`{suite.name}`" for suite in used)
    protocols = dict.fromkeys(p for suite in used for p in suite.protocols)
    word = "suites" if len(used) > 1 else "suite"
    return (
        f"| {table.source} | {numbers} | {word} {suites}, {models} models | "
        f"{', '.join(f'`{p}`' for p in protocols)} |\n"
    )


def _ablation_line(name: str) -> str:
    table = ablation_tables.published()[name]
    group = read_queue()[table.ours["group"]]
    rows = [row for row in table.rows if row in group["rows"]]
    numbers = sum(len(values) for values in table.rows.values())
    where = table.ours.get("dataset", "all sets of its validation")
    return (
        f"| {table.source} | {numbers} | rows {', '.join(f'`{r}`' for r in rows)} of the queue's "
        f"`{table.ours['group']}`, on {where} | `{table.ours['protocol']}` |\n"
    )
