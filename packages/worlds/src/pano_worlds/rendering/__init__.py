"""From a world to a picture and its labels: rays, light, colour and the traces of a camera."""
