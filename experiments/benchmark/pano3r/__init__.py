"""Figure 8 of DA²: panoramas of different rooms become one cloud."""
