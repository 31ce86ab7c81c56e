"""A network as one file that runs without this package, checked before it gets its name."""
