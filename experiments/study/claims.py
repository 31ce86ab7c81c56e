"""The file of claims: what is tested, with which trainings, by which number."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.pipeline import params
from pano_losses import protocols

FILE = Path(__file__).with_name("claims.yaml")
Contrast = Mapping[str, float]
"""Arm -> weight; the weights add up to zero."""


class ClaimsError(ValueError):
    """The file of claims is not what it should be, or something in it was asked for in vain."""


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: Its name.
        target: Stage of dvc.yaml that trains the network to be scored.
        section: Section of that training.
        set: What differs, over the sections of the values file.
        set_at: What differs further at one scale.
        scales: Scales at which it can be trained; empty for all.
    """

    name: str
    target: str
    section: str
    set: Mapping[str, Any] = field(default_factory=dict)
    set_at: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scales: tuple[str, ...] = ()

    def at(self, scale: str) -> bool:
        """Tell whether the arm can be trained at a scale."""
        return not self.scales or scale in self.scales


@dataclass(frozen=True)
class Published:
    """What the paper reports.

    Attributes:
        source: Paper and table, or why there is none.
        columns: Column of the table -> arm -> value of the metric.
    """

    source: str
    columns: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def effect(self, contrast: Contrast) -> float | None:
        """Return the paper's value of a contrast, averaged over columns; None without numbers."""
        wanted = {arm for arm, weight in contrast.items() if weight}
        found = [
            sum(weight * math.log(column[arm]) for arm, weight in contrast.items() if weight)
            for column in self.columns.values()
            if wanted <= set(column)
        ]
        return sum(found) / len(found) if found else None


@dataclass(frozen=True)
class Claim:
    """One published finding.

    Attributes:
        name: Its name.
        finding: What the paper says, in a sentence.
        paper: Short name of the paper.
        contrasts: What must be below 0 (or within the margin), all of them.
        context: Contrasts that are shown and do not decide.
        protocol: Protocol of the metric.
        metric: Its name there; an error.
        test: Data sets whose images are scored.
        margin: Half width of the range that counts as no difference; None for a direction.
        published: What the paper reports.
    """

    name: str
    finding: str
    paper: str
    contrasts: Mapping[str, Contrast]
    protocol: str
    metric: str
    test: tuple[str, ...]
    published: Published
    context: Mapping[str, Contrast] = field(default_factory=dict)
    margin: float | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms that decide it."""
        return _arms(self.contrasts)

    @property
    def all_arms(self) -> tuple[str, ...]:
        """Arms that decide it, and those that are shown beside it."""
        return tuple(dict.fromkeys((*self.arms, *_arms(self.context))))


def _arms(contrasts: Mapping[str, Contrast]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arm for contrast in contrasts.values() for arm in contrast))


@dataclass(frozen=True)
class Scale:
    """How much is trained.

    Attributes:
        name: Its name.
        values: Values file.
        seeds: Seeds of every arm.
        set: What differs from the values file, for all arms.
    """

    name: str
    values: str
    seeds: tuple[int, ...]
    set: Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """The whole file.

    Attributes:
        claims: By name, in the order of the page.
        arms: By name.
        scales: By name.
        seed_places: Where the seed of a run goes, as dotted places of the values file.
    """

    claims: Mapping[str, Claim]
    arms: Mapping[str, Arm]
    scales: Mapping[str, Scale]
    seed_places: tuple[str, ...]

    def chosen(self, names: Sequence[str] | None) -> list[Claim]:
        """Return the named claims, all without names.

        Raises:
            ClaimsError: There is no claim of a name.
        """
        unknown = sorted(set(names or ()) - set(self.claims))
        if unknown:
            raise ClaimsError(f"got claims {unknown}, expected some of {list(self.claims)}")
        return [claim for claim in self.claims.values() if not names or claim.name in names]

    def scale(self, name: str) -> Scale:
        """Return a scale.

        Raises:
            ClaimsError: There is none of that name.
        """
        if name not in self.scales:
            raise ClaimsError(f"got scale {name!r}, expected one of {list(self.scales)}")
        return self.scales[name]

    def arms_of(self, claims: Iterable[Claim], scale: str) -> list[Arm]:
        """Return the arms that claims need at a scale, each once; those that decide come first."""
        claims = list(claims)
        names = [arm for claim in claims for arm in claim.arms]
        names += [arm for claim in claims for arm in claim.all_arms]
        return [self.arms[n] for n in dict.fromkeys(names) if self.arms[n].at(scale)]


def read_study(path: Path = FILE) -> Study:
    """Read the file of claims.

    Raises:
        ClaimsError: A key is missing, misspelt or one too many; a contrast names an unknown arm or
            does not add up to 0; a protocol or one of its metrics does not exist.
    """
    written = params.parse(path.read_text())
    _keys(written, {"scales", "seeds", "arms", "claims"}, set(), path.name)
    scales = {}
    for name, entry in written["scales"].items():
        _keys(entry, {"values", "seeds"}, {"set"}, f"scales.{name}")
        scales[name] = Scale(name, entry["values"], tuple(entry["seeds"]), entry.get("set", {}))
    arms = {}
    for name, entry in written["arms"].items():
        optional = {"set", "set_at", "scales"}
        _keys(entry, {"target", "section"}, optional, f"arms.{name}")
        unknown = {*entry.get("scales", ()), *entry.get("set_at", {})} - set(scales)
        if unknown:
            raise ClaimsError(f"arms.{name}: got scales {sorted(unknown)}, expected {list(scales)}")
        arms[name] = Arm(
            name, entry["target"], entry["section"], entry.get("set", {}), entry.get("set_at", {}),
            tuple(entry.get("scales", ())),
        )  # fmt: skip
    claims = {name: _claim(name, entry, arms) for name, entry in written["claims"].items()}
    return Study(claims, arms, scales, tuple(written["seeds"]))


def _claim(name: str, entry: Mapping[str, Any], arms: Mapping[str, Arm]) -> Claim:
    required = {"finding", "paper", "contrasts", "metric", "test", "published"}
    _keys(entry, required, {"context", "margin"}, f"claims.{name}")
    _keys(entry["metric"], {"protocol", "name"}, set(), f"claims.{name}.metric")
    _keys(entry["published"], {"source"}, {"columns"}, f"claims.{name}.published")
    protocol, metric = entry["metric"]["protocol"], entry["metric"]["name"]
    if protocol not in protocols or metric not in protocols[protocol].metrics:
        raise ClaimsError(
            f"claims.{name}: got {metric!r} under {protocol!r}, expected a metric of one of "
            f"{sorted(protocols)}"
        )
    published = Published(entry["published"]["source"], entry["published"].get("columns", {}))
    columns = {f"column {k}": v for k, v in published.columns.items()}
    context = entry.get("context", {})
    for what, weights in {**entry["contrasts"], **context, **columns}.items():
        unknown = sorted(set(weights) - set(arms))
        if unknown:
            raise ClaimsError(
                f"claims.{name}, {what}: got arms {unknown}, expected of {list(arms)}"
            )
    for what, weights in {**entry["contrasts"], **context}.items():
        if abs(sum(weights.values())) > 1e-6:
            raise ClaimsError(
                f"claims.{name}, {what}: weights add up to {sum(weights.values()):g}, expected 0"
            )
    return Claim(
        name, entry["finding"], entry["paper"], entry["contrasts"], protocol, metric,
        tuple(entry["test"]), published, context, entry.get("margin"),
    )  # fmt: skip


def _keys(entry: Any, required: set[str], optional: set[str], at: str) -> None:
    if not isinstance(entry, Mapping):
        raise ClaimsError(f"{at}: got {entry!r}, expected a mapping")
    wrong = (set(entry) - required - optional) | (required - set(entry))
    if wrong:
        raise ClaimsError(
            f"{at}: got keys {sorted(entry)}, expected {sorted(required)} and perhaps "
            f"{sorted(optional)}; look at {sorted(wrong)}"
        )
