"""Panoramas through a network: `panodepth predict`, and `panodepth.predict` in Python."""
