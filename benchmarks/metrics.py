"""Metrics and alignments beside torchmetrics and the released evaluators, on the same maps.

    python -m benchmarks.metrics da2=DIR pager=DIR moge=DIR ibims=FILE pager_edges=FILE [--write]

DIR: a checkout of EnVision-Research/DA-2, prs-eth/PaGeR, microsoft/MoGe; FILE: the metrics of the
iBims-1 evaluation script, and `src/metrics/edge_metrics.py` of PaGeR at 02e83d1 (later commits have
it no more). Nothing of them is kept here. Besides, torchmetrics, pandas (DA-2), trimesh and
pytorch360convert (PaGeR), scikit-image and scikit-learn (iBims-1) must be installed. A peer that is
not given is left out. `--write` puts the table into docs/benchmarks/metrics.md (text below its line
`BY_HAND` stays).
"""

import argparse
import sys
from pathlib import Path

import torch
from torch.nn.functional import interpolate

from benchmarks.metric_peers import (
    MetricRow,
    ScoredMaps,
    of_da2,
    of_edges,
    of_moge,
    of_pager,
    of_pager_normals,
    of_pager_seams,
    of_torchmetrics,
)
from benchmarks.pages import write_page
from scripts.write_protocols import rooms

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "metrics.md"
AGREE = 1e-5
"""Relative difference below which two numbers are the same: the peers sum in float32."""


def posts(seed: int = 0, size: tuple[int, int] = (128, 256)) -> ScoredMaps:
    """Return rooms of 4 m with near posts; predicted ones are moved by columns, one is missed.

    No post lies near the sides of the map, which the peers cut, nor near the poles.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = torch.full((8, 1, *size), 4.0, dtype=torch.float64)
    predicted = truth.clone()
    for image in range(len(truth)):
        for post in range(3):
            left = 40 + 60 * post + int(torch.randint(0, 20, (), generator=generator))
            wide = int(torch.randint(8, 20, (), generator=generator))
            moved = left + int(torch.randint(-4, 5, (), generator=generator))
            truth[image, :, 40:90, left : left + wide] = 2.0
            if (image + post) % 4:
                predicted[image, :, 40:90, moved : moved + wide] = 2.1
    return predicted, truth, torch.ones_like(truth, dtype=torch.bool)


def smooth_rooms() -> ScoredMaps:
    """Return the rooms of the protocols' page with an error that changes slowly over the sphere."""
    _, truth, _ = rooms()
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(len(truth), 1, 6, 12, generator=generator, dtype=torch.float64)
    wide = interpolate(noise, truth.shape[-2:], mode="bicubic")
    return truth * (0.1 * wide).exp(), truth, torch.ones_like(truth, dtype=torch.bool)


def rows(peers: dict[str, Path]) -> list[MetricRow]:
    """Return the rows of all peers that are given."""
    maps, found = rooms(), list(of_torchmetrics(rooms()))
    if "da2" in peers:
        found += of_da2(peers["da2"], maps)
    if "pager" in peers:
        found += of_pager(peers["pager"], maps)
        found += of_pager_normals(peers["pager"], smooth_rooms())
        found += of_pager_seams(peers["pager"], smooth_rooms())
    if "moge" in peers:
        found += of_moge(peers["moge"], maps)
    found += of_edges(peers.get("ibims"), peers.get("pager_edges"), posts())
    return found


def table(found: list[MetricRow]) -> str:
    lines = ["| peer | quantity | ours | theirs | |", "| --- | --- | ---: | ---: | --- |"]
    for row in found:
        verdict = row.reason or ("same" if row.apart < AGREE else f"DIFFERS by {row.apart:.1e}")
        lines.append(f"| {row.peer} | {row.what} | {row.ours:.6g} | {row.theirs:.6g} | {verdict} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peers", nargs="*", metavar="PEER=PATH")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    peers = {name: Path(path) for name, path in (pair.split("=", 1) for pair in options.peers)}
    found = rows(peers)
    print(table(found))
    if options.write:
        head = (
            "# Metrics beside those of others\n\nMade by `benchmarks/metrics.py` on the same "
            f"rendered rooms (128x256, float64); same: within {AGREE:g}: peers sum in float32."
        )
        write_page(PAGE, head, table(found))
    return int(any(not row.reason and row.apart >= AGREE for row in found))


if __name__ == "__main__":
    sys.exit(main())
