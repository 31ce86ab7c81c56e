"""`python -m experiments.depth_anywhere fit|validate|test|predict [--section NAME]`."""

from experiments.training.cli import main

if __name__ == "__main__":
    main("depth_anywhere")
