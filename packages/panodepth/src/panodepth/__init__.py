"""Depth from 360° panoramas: predict, look at, reconstruct, audit."""
