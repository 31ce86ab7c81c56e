"""What the stages of a values file cost: GPU-hours, CPU-hours, bytes, hours by the clock."""
