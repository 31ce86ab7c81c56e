"""Trainings, stages and commands of PanoDepth."""

import os

# OpenMP reads this once, when torch is loaded: threads that wait for busy cores sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
