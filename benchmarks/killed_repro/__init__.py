"""Every kind of stage, killed under `dvc repro` and given again."""
