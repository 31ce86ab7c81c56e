"""`python -m experiments.da2 fit|validate|test|predict`."""

from experiments.common.cli import main

if __name__ == "__main__":
    main("da2")
