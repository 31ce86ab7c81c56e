"""Decoders: from the levels of a backbone to maps."""
