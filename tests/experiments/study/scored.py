"""Runs that were never trained: scores with known effects, as finished steps leave them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.study.claims import Study, read_study
from experiments.study.plan import StudyRun, runs
from experiments.study.results import StudyStore
from pano_data import write_json

ROOT = Path(__file__).parents[3]
IMAGES = {"stanford2d3d": 40, "matterport3d_unifuse": 24, "panosuncg": 24, "deep360": 16}


def planned(study: Study, scale: str = "default") -> dict[tuple[str, int], StudyRun]:
    arms = study.arms_of(study.claims.values(), scale)
    return {(r.arm.name, r.seed): r for r in runs(study, study.scale(scale), arms, ROOT)}


@cache
def default_runs() -> dict[tuple[str, int], StudyRun]:
    """All runs of the committed claims at the default scale; planning them takes seconds."""
    return planned(read_study())


def write_scores(
    study: Study,
    store: StudyStore,
    found: Mapping[tuple[str, int], StudyRun],
    effects: Mapping[str, float],
    spread: float = 0.01,
    code: str = "a",
) -> None:
    """Finish runs with scores of `0.2 exp(effect of the arm)`; seeds and images vary."""
    for (arm, seed), run in found.items():
        rng = np.random.default_rng([seed, sum(arm.encode())])
        claims = [c for c in study.claims.values() if arm in c.all_arms]
        tables = []
        for dataset in dict.fromkeys(d for c in claims for d in c.test):
            count = IMAGES[dataset]
            difficulty = np.linspace(-0.5, 0.5, count)
            noise = rng.normal(0, spread, count) + rng.normal(0, spread)
            values = 0.2 * np.exp(difficulty + effects.get(arm, 0.0) + noise)
            for claim in dict.fromkeys((c.protocol, c.metric) for c in claims):
                keys = [f"{dataset}/{i}" for i in range(count)]
                columns = {"dataset": dataset, "protocol": claim[0], "key": keys, claim[1]: values}
                tables.append(pd.DataFrame(columns))
        folder = store.scores(run)
        folder.mkdir(parents=True, exist_ok=True)
        pd.concat(tables).to_parquet(folder / "per_image.parquet")
        for step in run.last.chain:
            record = {
                "cpu_seconds": 36.0,
                "revision": "0123456789",
                "code": code if step.trains else "",
            }
            store.folder(step).mkdir(parents=True, exist_ok=True)
            write_json(store.folder(step) / "done.json", record)


def published_effects(study: Study) -> dict[str, float]:
    """Effects of arms that agree with what the papers say, larger than they do."""
    found: dict[str, float] = {}
    for claim in study.claims.values():
        if claim.margin is None:
            for contrast in claim.contrasts.values():
                order = sorted(contrast, key=contrast.__getitem__)
                for rank, arm in enumerate(order):
                    if contrast[arm] < 0:
                        found[arm] = max(
                            found.get(arm, 0.0), 0.3 * (len(order) - rank) / len(order)
                        )
    found |= {"dap_geometry": 0.15, "dap_distortion": 0.3, "dap_silog": 0.45}
    return found
