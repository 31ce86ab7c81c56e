"""Trainings, stages and commands of PanoDepth."""

import os

# OpenMP reads this once, when torch is loaded: threads that wait for busy cores sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The compiled resampling kernel gives the same numbers to 1e-5 only: what a run computes does not
# depend on whether this machine has built one.
os.environ.setdefault("PANO_GEOMETRY_NATIVE", "0")
