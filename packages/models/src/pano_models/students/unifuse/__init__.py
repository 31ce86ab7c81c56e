"""UniFuse (Jiang et al. 2021)."""
