"""Weight files: our folders, published checkpoints, key maps."""
