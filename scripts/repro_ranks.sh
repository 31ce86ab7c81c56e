#!/usr/bin/env bash
# dvc repro, with the stages that many processes can share (curation, out-painting, masks, labels, selection) started as
# ranks; everything else runs as it always does. From the root of a clone, with the words of dvc repro:
#   PROCESSES=8 scripts/repro_ranks.sh                    one machine
#   NODES=4 PROCESSES=8 scripts/repro_ranks.sh            inside of a SLURM job (salloc, sbatch); SRUN holds more words of srun
#   NODES=2 PROCESSES=1 LOOPBACK=1 scripts/repro_ranks.sh as many nodes, played by this machine
# The commands in dvc.yaml stay as they are: a `python` of our own comes first on PATH. A killed call is taken up by the next.
set -uo pipefail
if [[ ${0##*/} != python ]]; then
  bin=$(mktemp -d)
  trap 'rm -rf "$bin"' EXIT
  ln -s "$(realpath "$0")" "$bin/python"
  REAL_PYTHON=$(command -v python) PATH="$bin:$PATH" dvc repro "$@"
  exit
fi

nodes=${NODES:-1} processes=${PROCESSES:-1}
words=("$@") alone=(bash -c 'CUDA_VISIBLE_DEVICES=$LOCAL_RANK exec "$0" "$@"' "$REAL_PYTHON") # a device of its own for each rank
case "${2:-}" in
  experiments.da2.curate | experiments.depth_anywhere.mask) ;;
  experiments.dap.label | experiments.dap.curate) # their trainer chooses the device
    words+=(--trainer.num_nodes "$nodes" --trainer.devices "$processes" --trainer.strategy ddp)
    alone=("$REAL_PYTHON")
    ;;
  *) exec "$REAL_PYTHON" "$@" ;;
esac
if ((nodes * processes == 1)); then exec "$REAL_PYTHON" "$@"; fi
if [[ -n ${SLURM_JOB_ID:-} ]]; then
  # shellcheck disable=SC2086 # SRUN holds words
  exec srun --nodes="$nodes" --ntasks-per-node="$processes" ${SRUN:-} "$REAL_PYTHON" "${words[@]}"
fi
if ((nodes > 1)) && [[ -z ${LOOPBACK:-} ]]; then
  echo "NODES=$nodes: expected a SLURM job, or LOOPBACK=1 for nodes that this machine plays" >&2
  exit 2
fi
master=127.0.0.1:$("$REAL_PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
for ((node = 0; node < nodes; node++)); do
  "$REAL_PYTHON" -m torch.distributed.run --nnodes="$nodes" --node_rank="$node" --nproc_per_node="$processes" \
    --rdzv_backend=c10d --rdzv_endpoint="$master" --rdzv_id="panodepth-${2}" --no-python "${alone[@]}" "${words[@]}" &
  running[node]=$!
done
code=0
for each in "${running[@]}"; do wait "$each" || code=$?; done
exit "$code"
