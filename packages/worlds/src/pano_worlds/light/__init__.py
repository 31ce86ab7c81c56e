"""Light of a world: the sky and its weather, lamps, and the rays that meet surfaces."""
