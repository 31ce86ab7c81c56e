"""The crash lab: accidents drawn at random from a seed, and what must hold after each.

`make crashlab MINUTES=n SEED=s` draws cases for n minutes and writes docs/crashlab.md; see
`python -m tests.crash --help`.
"""
