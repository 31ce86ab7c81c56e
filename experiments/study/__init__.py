"""Fifteen published findings, tested: claims, queue of trainings, statistics, page."""
