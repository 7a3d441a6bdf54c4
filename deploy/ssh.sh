#!/usr/bin/env bash
# A cluster of machines that can be reached by ssh: the scheduler here, workers there.
#
#   deploy/ssh.sh 10.0.0.1 grader1 grader2     # address of this machine, then the others
#   autograder grade ps1 --scheduler tcp://10.0.0.1:8786
#
# Each machine needs this course, set up by `make setup`, in the same folder as here (or FOLDER),
# and bubblewrap. No file is shared: submissions and grades travel with the tasks. A worker that
# ends, because its machine or the scheduler did, is started again. Ctrl-C ends all of them.
set -euo pipefail
address=$1; shift
folder=${FOLDER:-$(cd "$(dirname "$0")/.." && pwd)}
scheduler=tcp://$address:${PORT:-8786}
options="--nworkers auto --nthreads 1 --no-dashboard --death-timeout 60 ${WORKER_OPTIONS:-}"

trap 'kill $(jobs -p) 2>/dev/null' EXIT
export DASK_CONFIG=$folder/deploy/dask.yaml
while :; do
    "$folder/.venv/bin/dask" scheduler --host "$address" --port "${PORT:-8786}" --no-dashboard || true
    sleep 2
done &
for host in "$@"; do
    # -tt: the worker ends when this connection does
    ssh -tt "$host" "cd '$folder' && export DASK_CONFIG='$DASK_CONFIG' && while :; do
        .venv/bin/dask worker $scheduler $options || true; sleep 2; done" </dev/null &
done
wait
