"""Each number of the three papers beside the one that params.paper.yaml resolves to."""
