"""Results of two models as the evaluate stage leaves them."""

import json

import pandas as pd
from PIL import Image

CURVES = {
    "rooms": {
        "latitude": [0.1] * 12,
        "range": [0.2, 0.1, None, 0.3, None, None, None, None],
        "region": [0.4, 0.3, 0.1],
    }
}


def metrics(absrel, images=3):
    return {
        "absrel": absrel,
        "rmse": 2 * absrel,
        "delta1": 1 - absrel,
        "images_scored": float(images),
        "images_skipped": 0.0,
    }


def write_result(folder, model, scores, per_image=None):
    """`scores`: `{data set: {protocol: metrics}}`."""
    path = folder / model
    path.mkdir(parents=True)
    (path / "metrics.json").write_text(json.dumps(scores))
    (path / "curves.json").write_text(json.dumps(CURVES))
    rows = [
        {"dataset": d, "protocol": p, "key": str(i), "absrel": a}
        for (d, p), values in (per_image or {}).items()
        for i, a in enumerate(values)
    ]
    pd.DataFrame(rows, columns=["dataset", "protocol", "key", "absrel"]).to_parquet(
        path / "per_image.parquet"
    )
    samples = path / "samples" / "rooms"
    samples.mkdir(parents=True)
    Image.new("RGB", (8, 4)).save(samples / "0.png")
    return path


def write_cost(folder, models):
    row = {
        "parameters": 2_500_000,
        "gflop": 1.234,
        "latency_ms": 20.04,
        "latency_low_ms": 19.0,
        "latency_high_ms": 22.0,
        "memory_mb": None,
    }
    about = {
        "size": [64, 128],
        "batch": 1,
        "rounds": 5,
        "threads": 1,
        "device": "CPU (x86_64)",
        "torch": "2",
    }
    (folder / "cost.json").write_text(
        json.dumps({"measured": about, "models": dict.fromkeys(models, row)})
    )
