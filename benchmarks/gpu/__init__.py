"""What a CUDA device must show: `scripts/gpu_check.sh`."""
