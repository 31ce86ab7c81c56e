"""What a training tells MLflow, through a queue that outlives the server."""
