"""Measures on real pictures: panoramas without truth, perspective pictures with sensor depth."""
