"""`python -m experiments.box fit|validate|test|predict [--section pano_small]`."""

from experiments.training.cli import main

if __name__ == "__main__":
    main("box")
