#!/usr/bin/env bash
# A tracking server for many workers: database backend, artifacts through the server.
#   BACKEND=postgresql://user@host/mlflow ARTIFACTS=/shared/mlflow PORT=5000 scripts/mlflow_server.sh
# Workers then run with MLFLOW_TRACKING_URI=http://HOST:5000. Without BACKEND a SQLite file serves a few workers.
set -euo pipefail
cd "$(dirname "$0")/.."
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
exec "${PYTHON:-python}" -m mlflow server --backend-store-uri "${BACKEND:-sqlite:///mlflow-server.db}" \
  --artifacts-destination "${ARTIFACTS:-mlflow-artifacts}" \
  --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}" --workers "${WORKERS:-2}"
