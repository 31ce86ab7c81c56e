"""What `make repro` tells while it runs: stage k of n, the time left, and what failed."""
