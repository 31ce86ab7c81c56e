"""The networks that ship with `pano_models`: their training, and how they get into the box."""
