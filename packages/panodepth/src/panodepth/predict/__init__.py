"""`panodepth predict`."""
