"""BiFuse++ (Wang et al. 2022)."""
