"""`python -m experiments.own_data IMAGES DEPTH --out DIR`, the same as `panodepth train`."""

import sys

from experiments.own_data.command import main

if __name__ == "__main__":
    sys.exit(main())
