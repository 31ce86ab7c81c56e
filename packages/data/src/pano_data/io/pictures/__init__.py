"""Pictures as people have them: every format, colour space and metadata, one decoder."""
