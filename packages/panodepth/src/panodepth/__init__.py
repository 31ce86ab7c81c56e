"""Depth from 360° panoramas: predict, view, reconstruct, export, audit.

```python
import panodepth

room = panodepth.predict("photo.jpg", model="runs/da2")
room.distance, room.points, room.normals, room.sky, room.unit
room.save("out")
```
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# OpenMP reads this once, when torch is loaded: threads that wait for busy cores sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from panodepth.errors import BadPanoramaError, CommandError
    from panodepth.exporting.export import export
    from panodepth.inference.predict import predict, predict_each
    from panodepth.panorama import Panorama
    from panodepth.prediction import load_predictor
else:
    _LAZY = {
        "BadPanoramaError": "panodepth.errors",
        "CommandError": "panodepth.errors",
        "Panorama": "panodepth.panorama",
        "export": "panodepth.exporting.export",
        "load_predictor": "panodepth.prediction",
        "predict": "panodepth.inference.predict",
        "predict_each": "panodepth.inference.predict",
    }

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LAZY})


__all__ = [
    "BadPanoramaError",
    "CommandError",
    "Panorama",
    "export",
    "load_predictor",
    "predict",
    "predict_each",
]
