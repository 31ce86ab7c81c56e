"""Vision transformers as encoders of four levels."""
