#!/usr/bin/env bash
# `dvc repro`, with lines of stages side by side where there are two cores or more and no GPU, which
# several trainings would have to share: one line for each paper, then one for each half of the scores.
#
# DVC runs one stage after the other, but several `dvc repro` may work on one pipeline: each locks
# what its stage reads and writes. A line names its stages one by one (`--single-item`), as dvc.yaml
# orders them, so that no two lines touch the same output; the last `dvc repro` sees to the rest.
# When a line fails, the others run to their end, and what they made is kept. Ctrl-C and SIGTERM
# reach all. JOBS=1 makes one line of everything, with live progress bars; JOBS=2 lines whatever is
# there.
set -euo pipefail
set -m # each line is a process group, which signals can be passed on to
cd "$(dirname "$0")/.."

dvc=(python -m experiments.pipeline.quick_dvc) # as `dvc`, but for the time its files take
cores=$(python -c 'import joblib; print(joblib.cpu_count())') # a container's share, not the machine
[ -e /dev/nvidiactl ] || [ -e /dev/kfd ] && lines=1 || lines=$cores
jobs=${JOBS:-$lines}

named() { grep -E "^($1)(@|$)" <<<"$stages" || true; }

# Of stages for each data set those of every second one, the first (0) or the second (1).
every_second() { awk -F@ -v which="$1" '!($2 in seen) {seen[$2] = count++} seen[$2] % 2 == which'; }

# A slip in a name that no stage holds against a signature ends it here, before any stage.
check_names() { [ ! -e params.yaml ] || python -m experiments.pipeline.names; }

# Runs stages, with a title before all they print. No name at all would mean every stage.
line() {
  local title=$1
  shift
  [ $# -eq 0 ] || "${dvc[@]}" --wait-for-lock repro --single-item "$@" 2>&1 | sed -u "s/^/[$title] /"
}

stop() {
  trap - INT TERM
  jobs -p | sed 's/^/-/' | xargs -r kill -"$1" --
  wait
  exit "$2"
}
trap 'stop INT 130' INT
trap 'stop TERM 143' TERM

# Waits for all lines given; ends the whole when one of them failed.
ended() {
  local failed=0 line
  for line in "$@"; do wait "$line" || failed=1; done
  [ "$failed" -eq 0 ] || exit 1
}

if [ "$jobs" -gt 1 ]; then
  if "${dvc[@]}" status -q; then
    echo "Data and pipelines are up to date."
    exit
  fi
  check_names
  stages=$(dvc stage list --name-only)
  line data $(named "worlds|manifest" | every_second 0) & first=$!
  line data $(named "worlds|manifest" | every_second 1) & ended $first $!
  line da2 $(named "da2_.*|train_da2.*") & first=$!
  line da $(named "depth_anywhere_.*|train_box.*|pack_box|train_teacher|check_teacher|train_student|train_metric") & second=$!
  line dap $(named "dap_.*|train_dap.*") & ended $first $second $!
  line models $(named evaluate) & first=$!
  line suites $(named "evaluate_baseline|evaluate_box|suites|gallery") & ended $first $!
else
  check_names
fi
exec "${dvc[@]}" repro
