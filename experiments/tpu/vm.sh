#!/usr/bin/env bash
# A table, or all of them, on one Cloud TPU VM (a single host: v2-8, v3-8, v5litepod-8, v6e-8), stage after stage.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --strategy tpu --output /mnt/disks/lce/msmarco
# Submit:  gcloud compute tpus tpu-vm create lce --zone ZONE --accelerator-type v5litepod-8 --spot \
#              --version v2-alpha-tpuv5-lite --data-disk source=projects/PROJECT/zones/ZONE/disks/lce,mode=read-write
#          gcloud compute tpus tpu-vm scp --recurse --zone ZONE . lce:lce_tf
#          gcloud compute tpus tpu-vm ssh lce --zone ZONE --command \
#              'cd lce_tf && nohup experiments/tpu/vm.sh table1 --preset msmarco --output /mnt/disks/lce/msmarco &'
# Time:    3 days for Table 1 on a v5litepod-8 (computed, not measured; no TPU was at hand to run this on)
# Cost:    high: some 500 chip hours for Table 1
#
# Takes what `python -m lce_tf.tables` takes; --strategy tpu is added. The products and the cache must lie on a disk
# that outlives the VM. A spot VM that is taken away is created anew, and the same command goes on where it was: from
# the last checkpoint, or, where the VM was shut down in order, from the very step.
#
#   WORKERS=4 WORKER=0 experiments/tpu/vm.sh ...   on the first of four VMs with the same disk: every fourth checkpoint
#   STAGES="train" experiments/tpu/vm.sh ...       only these stages, say because retrieval was done on a cheaper VM
#   PYTHON=python3.12 experiments/tpu/vm.sh ...    the interpreter to make the environment with; the VM's own is too old
#   LIBTPU_LINKS=URL experiments/tpu/vm.sh ...     where pip finds libtpu, if the package index has none
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "usage: experiments/tpu/vm.sh TABLE [options of python -m lce_tf.tables]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${LCE_PYTHON:-.venv/bin/python}

# tensorflow-tpu is TensorFlow itself, built with TPU support, of the version that requirements.lock has.
if [ -z "${LCE_PYTHON:-}" ] && [ ! -e .venv/.tpu ]; then
    make setup PYTHON="${PYTHON:-python3.11}"
    version=$(sed -n 's/^tensorflow==//p' requirements.lock)
    "$python" -m pip install --quiet ${LIBTPU_LINKS:+--find-links "$LIBTPU_LINKS"} 'libtpu~=0.0.14'
    "$python" -m pip uninstall --quiet --yes tensorflow
    "$python" -m pip install --quiet --no-deps "tensorflow-tpu==$version"
    touch .venv/.tpu
fi

child=
stopped=
# Passed on so that training saves the step it is at; `wait` then returns early, and is called again.
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT

run() {
    [ -z "$stopped" ] || exit 130
    "$python" -m lce_tf.tables "$@" &
    child=$!
    local status=0
    wait "$child" || status=$?
    while kill -0 "$child" 2>/dev/null; do
        status=0
        wait "$child" || status=$?
    done
    child=
    [ "$status" -eq 0 ] || exit "$status"
}

for stage in ${STAGES:-retrieve train rerank tables}; do
    count=$("$python" -m lce_tf.tables "$@" --strategy tpu --list-stage "$stage" | wc -l)
    for ((index = ${WORKER:-0}; index < count; index += ${WORKERS:-1})); do
        run "$@" --strategy tpu --stage "$stage" --index "$index"
    done
done
