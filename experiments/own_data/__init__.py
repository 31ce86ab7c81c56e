"""Fine-tuning on pictures and depth maps of your own: `panodepth train IMAGES DEPTH`."""
