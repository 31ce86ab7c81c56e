"""What each training set added to the loss, as a finished training tells it (`shares.jsonl`)."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

FILE = "shares.jsonl"


def read_shares(path: Path) -> dict[str, dict[str, float]]:
    """Return the mean shares of a training by kind ("loss", "gradient") and data set."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return shares_of([json.loads(line) for line in lines])


def shares_of(entries: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return what each set adds over all entries, as a share of what all add, largest first."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for entry in entries:
        for kind in ("loss", "gradient"):
            for name, value in entry.get(kind, {}).items():
                sums[kind][name] += abs(value)
    shares = {}
    for kind, of in sums.items():
        total = sum(of.values())
        ordered = sorted(of.items(), key=lambda item: -item[1])
        shares[kind] = {name: value / total if total else 0.0 for name, value in ordered}
    return shares
