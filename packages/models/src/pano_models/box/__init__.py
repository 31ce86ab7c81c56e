"""Networks that ship with this package, ready to run: `pano_models.load("pano_small")`."""
