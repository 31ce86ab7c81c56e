"""DA²: perspective pictures become panoramas, SphereViT learns distance up to scale from them."""
