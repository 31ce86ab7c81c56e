#!/usr/bin/env bash
# Install `panodepth` alone into an empty environment and use it: predict, view, reconstruct.
#
#   scripts/install_check.sh [FOLDER]     default: a temporary folder, removed at the end
#
# Prints the size of the environment and the time of an import. Fails when a trainer, a tracker or the
# pipeline came along, or when a command does not do its work.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -gt 0 ]; then
  mkdir -p "$1" && cd "$1"
else
  folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT && cd "$folder"
fi
unset PYTHONPATH VIRTUAL_ENV UV_NO_SYNC

export PATH="$root/.uv/bin:$PATH"
packages=("$root"/packages/{geometry,models,data,panodepth})
if command -v uv >/dev/null; then
  uv venv --quiet --clear venv
  uv pip install --quiet --python venv/bin/python "${packages[@]}"
else
  python3 -m venv --clear venv
  venv/bin/python -m pip install --quiet "${packages[@]}"
fi
export PATH="$PWD/venv/bin:$PATH"

python - <<'PYTHON'
import sys
from importlib.util import find_spec
import numpy as np, torch
from PIL import Image
import pano_models

training = "lightning", "mlflow", "dvc", "litdata", "albumentations", "jsonargparse", "embreex"
if found := [name for name in training if find_spec(name)]:
    sys.exit(f"got {found} beside panodepth, expected none of them")
torch.manual_seed(0)
pano_models.save(pano_models.create("unifuse", width=0.25, max_height=64), "model", (64, 128))
pixels = np.random.default_rng(0).integers(0, 256, (256, 512, 3), np.uint8)
Image.fromarray(pixels).save("a.png")
PYTHON

panodepth predict a.png --model model --out out --save npy png16 exr preview ply glb
panodepth view out --html page.html
panodepth reconstruct out --out room --width 64
[ "$(ls out | wc -l)" = 7 ] && [ -s page.html ] && [ -s room/mesh.glb ]

echo "$(du -sh venv | cut -f1) installed, $(du -sh venv/lib/python*/site-packages/nvidia 2>/dev/null | cut -f1 || echo 0) of it CUDA"
time python -c "import panodepth.inference.command"
