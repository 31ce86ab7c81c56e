"""Panoramic videos: frame by frame, at one scale."""
