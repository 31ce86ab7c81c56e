"""What published code does differently, kept to reproduce its numbers and to feed its weights.

Each module is named after a release and says which quirk it keeps. New work takes the plain
functions of `pano_geometry`.
"""
