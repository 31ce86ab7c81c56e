#!/usr/bin/env bash
# One training on N nodes by torchrun. Run the same line on every node:
#   NODES=2 NODE_RANK=0 PROCESSES=8 MASTER=host0:29500 scripts/train_torchrun.sh da2 [--section NAME] [--key value ...]
set -euo pipefail
cd "$(dirname "$0")/.."
paper=${1:?the first argument is the paper: da2, dap or depth_anywhere}
shift
nodes=${NODES:-1} rank=${NODE_RANK:-0} processes=${PROCESSES:-1} master=${MASTER:-127.0.0.1:29500}
exec torchrun --nnodes="$nodes" --node_rank="$rank" --nproc_per_node="$processes" \
  --rdzv_backend=c10d --rdzv_endpoint="$master" --rdzv_id="panodepth-$paper" \
  -m "experiments.$paper" fit "$@" --trainer.num_nodes "$nodes" --trainer.devices "$processes" --trainer.strategy ddp
