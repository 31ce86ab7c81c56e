"""`panodepth reconstruct`: several panoramas of one place become one model."""
