"""The students of Depth Anywhere: networks published by others, trained as it trains them."""
