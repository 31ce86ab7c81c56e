"""Panoramas as views with cameras: what trainers of radiance fields and COLMAP read."""
