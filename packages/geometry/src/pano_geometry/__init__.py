"""Exact spherical geometry for panoramas: cameras, resampling, rotation, normals, fusion. Needs only torch."""
