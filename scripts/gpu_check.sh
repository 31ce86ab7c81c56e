#!/usr/bin/env bash
# Every check that needs a CUDA device, within eight minutes: one JSON, then one table.
#
#   scripts/gpu_check.sh [--out FILE.json]     exit code 0: all passed, 1: something failed, 2: no device
#   scripts/gpu_check.sh --rehearse            the same steps, small, on a machine without a device
set -euo pipefail
cd "$(dirname "$0")/.."
paths=$(printf '%s:' packages/*/src)
export PYTHONPATH="$paths.${PYTHONPATH:+:$PYTHONPATH}"
export COMMIT="${COMMIT:-$(git rev-parse HEAD 2>/dev/null || true)}"
exec "${PYTHON:-python3}" -m benchmarks.gpu.check "$@"
