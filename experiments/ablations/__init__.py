"""The papers' ablation rows as a queue of runs."""
