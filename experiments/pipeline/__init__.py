"""What every stage stands on: params.yaml, run folders, the code behind a number."""
