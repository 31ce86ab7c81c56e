"""Perspective depth models: a small one of ours, and any that transformers loads."""
