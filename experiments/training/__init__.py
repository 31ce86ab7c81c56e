"""What every training shares: tasks, callbacks, checkpoints, exact resume."""
