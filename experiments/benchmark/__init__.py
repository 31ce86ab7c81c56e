"""Scores, cost, pictures and the report: what is told of trained networks."""
