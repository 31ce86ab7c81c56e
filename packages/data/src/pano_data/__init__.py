"""Readers, exact worlds, curation engine and sharded loading for panoramic depth."""
