"""Encoders: vision transformers and convolutional networks, with weights that packages ship."""
