#!/usr/bin/env bash
# Test what people install (not the experiments) with the oldest versions that the packages declare.
#
#   scripts/lowest_versions.sh [PYTEST ARGUMENTS]     default: tests of these packages that are not slow
#
# The environment lies in .venv-lowest and is made anew each time.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONPATH VIRTUAL_ENV UV_NO_SYNC
export PATH="$PWD/.uv/bin:$PATH"
packages=(packages/geometry packages/losses packages/models packages/data packages/panodepth)
projects=("${packages[@]/%//pyproject.toml}")
editable=()
for package in "${packages[@]}"; do editable+=(-e "$package"); done

uv venv --quiet --clear --python "${UV_PYTHON:-3.11}" .venv-lowest
uv pip compile --quiet --no-header --no-annotate --resolution lowest-direct \
  --python-version "${UV_PYTHON:-3.11}" "${projects[@]}" | grep -v '^-e' >.venv-lowest/pins.txt
# the tests' own tools need not be old
uv pip install --quiet --python .venv-lowest/bin/python -r .venv-lowest/pins.txt "${editable[@]}" \
  pytest pytest-timeout pytest-xdist hypothesis
.venv-lowest/bin/python -c "import torch, numpy; print('torch', torch.__version__, 'numpy', numpy.__version__)"
if [ $# -eq 0 ]; then
  set -- tests/geometry tests/models/test_pano_small.py tests/models/test_predictor.py \
    tests/panodepth/test_prediction.py tests/panodepth/outputs -n auto --dist loadfile
fi
.venv-lowest/bin/python -m pytest -m "not slow and not gpu" --timeout 600 "$@"
