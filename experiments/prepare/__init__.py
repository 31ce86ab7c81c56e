"""Stages before any training: worlds and manifests."""
