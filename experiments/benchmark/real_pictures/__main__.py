"""`python -m experiments.benchmark.real_pictures`: the command `panodepth plausibility`."""

import sys

from experiments.benchmark.real_pictures.command import main

sys.exit(main())
