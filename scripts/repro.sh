#!/usr/bin/env bash
# `dvc repro`, with lines of stages side by side where there are two cores or more and no GPU, which
# several trainings would have to share: one line for each paper, which ends with its scores, then the
# suites and the gallery.
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

dvc=(python -m experiments.pipeline.repro.quick_dvc) # as `dvc`, but for the time its files take
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
  [ "$failed" -eq 0 ] || ended_badly
}

# Says what ran, what failed, and the line to type then.
summary() { python -m experiments.pipeline.repro summary; }
ended_badly() {
  summary
  exit 1
}

# `add PHASE TITLE STAGE...`: a line of stages. Lines of one phase run side by side.
plan=()
add() { [ $# -le 2 ] || plan+=("$*"); }

stages=$("${dvc[@]}" stage list --name-only) || { check_names; exit 1; } # whose line is clearer
if [ "$jobs" -gt 1 ]; then
  add 1 data $(named "worlds|manifest" | every_second 0)
  add 1 data $(named "worlds|manifest" | every_second 1)
  # the line of Depth Anywhere, the shortest, scores what is nobody's as well
  add 2 da2 $(named "da2_.*|train_da2.*|evaluate@da2.*")
  add 2 da $(named "depth_anywhere_.*|train_box.*|pack_box|train_teacher|check_teacher|train_student|train_metric|evaluate@depth_anywhere.*|evaluate_baseline|evaluate_box")
  add 2 dap $(named "dap_.*|train_dap.*|evaluate@dap.*")
  add 3 models $(named evaluate | grep -vE "@(da2|depth_anywhere|dap)" || true)
  add 3 suites $(named suites)
  add 3 gallery $(named gallery)
  phases="1 2 3"
else
  phases=
fi
in_lines=" $(printf '%s ' "${plan[@]}") "
add 9 rest $(for stage in $stages; do [[ $in_lines == *" $stage "* ]] || echo "$stage"; done)

found=0
printf '%s\n' "${plan[@]}" | python -m experiments.pipeline.repro plan --cores "$cores" || found=$?
[ "$found" -ne 4 ] || exit 0 # nothing to run
check_names
[ "$found" -eq 0 ] || exit "$found"
export PANODEPTH_REPRO=1
for phase in $phases; do
  lines=()
  for entry in "${plan[@]}"; do
    read -r number title names <<<"$entry"
    [ "$number" = "$phase" ] || continue
    line "$title" $names & lines+=($!)
  done
  ended "${lines[@]}"
done
"${dvc[@]}" repro || ended_badly
summary
