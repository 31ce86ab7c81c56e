#!/usr/bin/env bash
# Every check that needs a CUDA device, in one go; a short table last. Exit code 0 only if all passed.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PYTHONPATH="packages/geometry/src:packages/losses/src:packages/models/src:packages/data/src:packages/worlds/src:packages/panodepth/src:.${PYTHONPATH:+:$PYTHONPATH}"
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "no CUDA device: nothing was checked" >&2
  exit 2
fi
declare -a names results
check() { # name, command...
  local name=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then results+=("ok    $(tail -n 1 "$log")"); else results+=("FAIL  $(tail -n 3 "$log" | tr '\n' ' ')"); cat "$log"; fi
  names+=("$name")
}
for area in geometry losses models data worlds panodepth experiments; do
  check "tests/$area" "$python" -m pytest -m gpu "tests/$area" -q -p no:cacheprovider
done
check "benchmark geometry" "$python" -m benchmarks.geometry --device cuda
check "benchmark models" "$python" -m benchmarks.models --cases large
printf '\n%-22s %s\n' check result
failed=0
for i in "${!names[@]}"; do
  printf '%-22s %s\n' "${names[$i]}" "${results[$i]}"
  [[ ${results[$i]} == ok* ]] || failed=1
done
exit $failed
