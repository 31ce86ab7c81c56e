#!/usr/bin/env bash
# One training on N nodes by torchrun. From the root of a clone (or of a folder with params.yaml), the same line on every node:
#   NODES=2 NODE_RANK=0 PROCESSES=8 MASTER=host0:29500 scripts/train_torchrun.sh da2 [--section NAME] [--key value ...]
# STRATEGY: ddp (default), or sharded for networks that do not fit on one device.
# Exit code: 143 when stopped by SIGTERM with a checkpoint to resume from, else torchrun's own.
set -uo pipefail
paper=${1:?the first argument is the paper: da2, dap or depth_anywhere}
shift
nodes=${NODES:-1} rank=${NODE_RANK:-0} processes=${PROCESSES:-1} master=${MASTER:-127.0.0.1:29500}
"${PYTHON:-python}" -m torch.distributed.run --nnodes="$nodes" --node_rank="$rank" --nproc_per_node="$processes" \
  --rdzv_backend=c10d --rdzv_endpoint="$master" --rdzv_id="panodepth-$paper" --signals-to-handle=SIGTERM,SIGINT \
  -m "experiments.$paper" fit "$@" \
  --trainer.num_nodes "$nodes" --trainer.devices "$processes" --trainer.strategy "${STRATEGY:-ddp}" &
launcher=$!
stopped=
trap 'stopped=1; kill -TERM "$launcher" 2>/dev/null' TERM INT
wait "$launcher"
code=$?
if [[ -n $stopped ]]; then # the trap ended the first wait
  wait "$launcher"
  code=143
fi
exit "$code"
