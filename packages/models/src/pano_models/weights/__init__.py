"""Published checkpoints: where they are, how they are fetched, and their names in ours."""
