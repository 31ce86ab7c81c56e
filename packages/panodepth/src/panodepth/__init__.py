"""Depth from 360° panoramas: predict, view, reconstruct, audit."""

import os

__version__ = "0.1.0"

# OpenMP reads this once, when torch is loaded: threads that wait for busy cores sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
