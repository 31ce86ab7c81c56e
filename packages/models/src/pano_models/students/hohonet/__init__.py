"""HoHoNet (Sun et al. 2021)."""
