"""Depth from 360° panoramas: predict, view, reconstruct, audit."""

__version__ = "0.1.0"
