"""Files: strict decoding, pixel budget, atomic writing, safe archives."""
