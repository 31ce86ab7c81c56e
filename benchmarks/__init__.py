"""What is timed and judged against whom."""
