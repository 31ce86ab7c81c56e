"""The code behind a number: which files of ours a stage runs, and their digest."""
