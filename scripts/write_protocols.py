"""Writes the generated parts of docs/protocols.md: `python scripts/write_protocols.py`."""

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import pano_geometry as pg
from pano_losses import Protocol, evaluate, protocols
from pano_losses.metrics import STANDARD

PAGE = Path(__file__).parents[1] / "docs" / "protocols.md"
ROOMS = 8
SIZE = (128, 256)


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text()))


def filled(page: str) -> str:
    """Return the page with its generated blocks made anew."""
    for name, text in (("rules", rules()), ("details", details()), ("metrics", metric_table())):
        page = replaced(page, name, text)
    return replaced(page, "spread", spread())


def replaced(page: str, name: str, text: str) -> str:
    """Put text between the markers of a block."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"got a page without {begin.strip()!r} ... {end!r}, expected both markers")
    head, rest = page.split(begin)
    return f"{head}{begin}{text}\n{end}{rest.split(end)[1]}"


def rules() -> str:
    head = (
        "| protocol | scores | truth (m) | crop | far pixels | alignment | clamp (m) | weights "
        "| mean over | empty image |"
    )
    return "\n".join([head, "| --- " * 10 + "|", *(_row(p) for p in protocols.values())])


def _row(p: Protocol) -> str:
    cells = [
        f"`{p.id}`",
        ", ".join(kind.replace("_", " ") for kind in p.accepts),
        _range(p),
        ", ".join(f"{d}: {100 * share:.1f} % each" for d, share in p.crop.items()) or "-",
        _far(p),
        _alignment(p),
        _clamps(p),
        p.weighting.__name__.replace("_", " "),
        {"image": "images", "pixel": "pixels"}[p.averaging],
        {"skip": "skipped, counted", "nan": "makes the mean NaN"}[p.empty],
    ]
    return "| " + " | ".join(cells) + " |"


def _range(p: Protocol) -> str:
    high = "all" if math.isinf(p.high) else f"{'≤' if p.high_inclusive else '<'} {p.high:g}"
    low = "" if p.low == 0 else f"> {p.low:g}, "
    factors = ", ".join(f"{d} × {f:g}" for d, f in p.decoding.items())
    return f"{low}{high}" + (f" after {factors}" if factors else "")


def _far(p: Protocol) -> str:
    scored = f"truth {p.high:g} m on {', '.join(sorted(p.far_scored))}" if p.far_scored else ""
    filled_with = f"prediction {p.far_fill:g} m where the mask says far" if p.far_fill else ""
    return "; ".join(x for x in (scored, filled_with) if x) or "not scored"


def _alignment(p: Protocol) -> str:
    first = "" if p.alignment.__name__ == "none" else f"{p.alignment.__name__} in {p.space}"
    if p.space == "disparity" and not first:
        first = "inverted"
    second = p.second_alignment.__name__ if p.second_alignment else ""
    where = " (image not black)" if p.align_where_observed else ""
    return (", then ".join(x for x in (first, second) if x) or "none").replace("_", " ") + where


def _clamps(p: Protocol) -> str:
    def limits(name: str, pair: tuple[float, float]) -> str:
        low, high = pair
        return f"{name} [{low:g}, {'∞' if math.isinf(high) else f'{high:g}'}]"

    cells = [limits("prediction", p.clamp_prediction)]
    if p.clamp_target != (0.0, math.inf):
        cells.append(limits("truth", p.clamp_target))
    return ", ".join(cells)


def details() -> str:
    return "\n".join(line for p in protocols.values() for line in _detail(p))


def _detail(p: Protocol) -> Iterator[str]:
    yield f"**`{p.id}`**: {p.description} Source: {p.source}."
    own = [f"`{n}`" for n, m in p.metrics.items() if STANDARD.get(n) is not m]
    if own and len(own) < 8:
        yield f"Metrics of its own: {', '.join(own)}."
    for defect in p.known_defects:
        yield f"* {defect[0].upper()}{defect[1:]}."
    yield ""


def metric_table() -> str:
    seen = {
        n: m.formula
        for p in protocols.values()
        if not p.known_defects
        for n, m in p.metrics.items()
    }
    rows = [f"| `{n}` | {f.replace('|', chr(92) + '|')} |" for n, f in seen.items()]
    return "\n".join(["| name | definition |", "| --- | --- |", *rows])


def rooms(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return prediction, truth and mask of box-shaped rooms; it errs in known ways.

    Scale 0.95 to 1.25 a room, log-normal error of 12 %, 1 % outliers at 4 times the distance;
    15 % of the rows cut at each pole and 3 % holes.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    rays = pg.Equirectangular(*SIZE).rays().double()
    walls = torch.tensor([2.0, 1.2, 2.0]) + torch.tensor([5.0, 0.6, 5.0]) * uniform(ROOMS, 3)
    target = (walls[:, None, None] / rays.abs().clamp(min=1e-9)).amin(-1)[:, None]
    noise = torch.randn(target.shape, generator=generator, dtype=torch.float64)
    outlier = torch.where(uniform(*target.shape) < 0.01, 4.0, 1.0)
    scale = 0.95 + 0.3 * uniform(ROOMS, 1, 1, 1)
    row = torch.arange(SIZE[0])[:, None] / SIZE[0]
    valid = (uniform(*target.shape) > 0.03) & (row >= 0.15) & (row < 0.85)
    return target * scale * (0.12 * noise).exp() * outlier, target, valid


def spread() -> str:
    maps = rooms()
    names = ("absrel", "rmse", "rmse_log", "delta1")
    head = "| protocol | AbsRel | RMSE | RMSElog | δ1 |\n| --- | --- | --- | --- | --- |"
    lines = []
    for p in protocols.values():
        if "absrel" in p.metrics:
            scores = evaluate({p.accepts[-1]: maps[0]}, *maps[1:], p, dataset="stanford2d3d")
            lines.append(f"| `{p.id}` | " + " | ".join(f"{scores[n]:.4f}" for n in names) + " |")
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
