"""Stage: score one model on the data sets of params.yaml."""
