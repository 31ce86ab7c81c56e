"""Streets in a landscape."""
