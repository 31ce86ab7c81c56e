"""`python -m experiments.da2 fit|validate|test|predict`."""

from experiments.training.cli import main

if __name__ == "__main__":
    main("da2")
