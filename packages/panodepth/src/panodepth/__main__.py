"""`python -m panodepth`: the console script without its installation."""

import sys

from panodepth.cli import main

sys.exit(main())
