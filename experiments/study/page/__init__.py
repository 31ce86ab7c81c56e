"""The page of the study: a forest plot of all claims, each of which opens its runs."""
