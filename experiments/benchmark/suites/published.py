"""Numbers that papers print, with their sources and their contradictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import pano_losses

FILE = Path(__file__).with_name("published.yaml")
UNITS = {"percent": 100.0, "fraction": 1.0}
DIGITS = 6  # .0723 is 7.23 / 100 only up to rounding


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One system on one data set as a paper prints it.

    Attributes:
        system: Name in the paper.
        category: Group of the table.
        dataset: Data set id.
        protocol: Id of the rule behind the numbers.
        protocol_stated: False where the paper does not say and the protocol is our best reading.
        metrics: Fractions and metres; empty where the number is not at hand.
        network: Name in `pano_models`, or None.
        match: Text that MODEL must contain as well for a comparison; "" for any.
        note: Free text.
    """

    system: str
    category: str
    dataset: str
    protocol: str
    protocol_stated: bool
    metrics: Mapping[str, float]
    network: str | None = None
    match: str = ""
    note: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """One table of a paper.

    Attributes:
        source: Paper and table.
        rows: In the paper's order, data set by data set.
        comparable: Published protocol -> protocol of ours -> metrics whose difference means
            something.
        notes: Contradictions and doubts.
    """

    source: str
    rows: tuple[PublishedRow, ...]
    comparable: Mapping[str, Mapping[str, list[str]]]
    notes: tuple[str, ...] = field(default_factory=tuple)

    def differences(
        self, dataset: str, protocol: str, network: str, model: str, ours: Mapping[str, float]
    ) -> dict[str, dict[str, float]]:
        """Return ours minus published, by published system of the same network.

        Only numbers under comparable protocols are subtracted.
        """
        found = {}
        for row in self.rows:
            if (row.dataset, row.network) != (dataset, network):
                continue
            if row.match and row.match not in model.lower():
                continue
            metrics = self.comparable.get(row.protocol, {}).get(protocol, [])
            shared = [m for m in metrics if m in ours and m in row.metrics]
            if shared:
                found[row.system] = {m: round(ours[m] - row.metrics[m], DIGITS) for m in shared}
        return found


class PublishedError(ValueError):
    """The facts file holds a number without a protocol, a unit or a place."""


@cache
def tables(path: Path = FILE) -> dict[str, PublishedTable]:
    """Read all tables by id.

    Raises:
        PublishedError: Unknown protocol or unit, or a row of another length than the columns.
    """
    raw = yaml.safe_load(path.read_text())
    return {name: _table(name, content) for name, content in raw.items()}


def _table(name: str, raw: Mapping[str, Any]) -> PublishedTable:
    if raw["unit"] not in UNITS:
        raise PublishedError(f"{name}: got unit {raw['unit']!r}, expected one of {sorted(UNITS)}")
    rows = tuple(row for entry in raw["rows"] for row in _rows(name, raw, entry))
    ours = [p for by in raw["comparable"].values() for p in by]
    for protocol in [*raw["comparable"], *ours, *(row.protocol for row in rows)]:
        if protocol not in pano_losses.protocols:
            raise PublishedError(
                f"{name}: got protocol {protocol!r}, expected one of pano_losses.protocols"
            )
    return PublishedTable(raw["source"], rows, raw["comparable"], tuple(raw["notes"]))


def _rows(name: str, raw: Mapping[str, Any], entry: Mapping[str, Any]) -> list[PublishedRow]:
    columns, values = raw["columns"], entry["values"]
    if len(columns) != len(values):
        raise PublishedError(
            f"{name}, {entry['system']}: got {len(values)} values, "
            f"expected {len(columns)} as there are columns"
        )
    found: dict[str, dict[str, float]] = {dataset: {} for dataset, _ in columns}
    for (dataset, metric), value in zip(columns, values, strict=True):
        if value is not None:
            found[dataset][metric] = round(value / UNITS[raw["unit"]], DIGITS)
    empty = not any(found.values())
    return [
        PublishedRow(
            system=entry["system"],
            category=entry.get("category", ""),
            dataset=dataset,
            protocol=entry.get("protocol", raw["protocol"]),
            protocol_stated=entry.get("stated", raw["stated"]),
            metrics=metrics,
            network=entry.get("network"),
            match=entry.get("match", ""),
            note=entry.get("note", ""),
        )
        for dataset, metrics in found.items()
        if metrics or empty
    ]
