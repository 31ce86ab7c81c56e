"""Models and baselines by the name that params.yaml gives them."""
