"""From a world to a picture and its labels: colour, shading and the traces of a camera."""
