"""`panodepth view`."""
