#!/usr/bin/env bash
# Runs a command of lce_tf inside a Slurm job and queues the job again when its time is up before the work is done.
#
# Command: python -m lce_tf.rerank --checkpoint runs/lce8 --run bm25.dev.trec --split dev --output lce8.trec --shard 8
# Time:    as its job script says
# Cost:    as its job script says
#
# Takes the command's module and options: experiments/slurm/requeued.sh lce_tf.rerank --checkpoint runs/lce8 ...
#
# SIGUSR1, which Slurm sends shortly before the time limit (--signal=B:USR1@180), stops the work at the next point
# that can be gone on from, and queues the index again. On SIGTERM, sent before a preemption or by scancel, the work
# stops likewise, and Slurm decides whether the index is queued again.
set -u

child=
stopped=
trap 'stopped=limit; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' USR1
# Slurm sends SIGTERM to every process of the job itself. Passed on, it would arrive twice, and a second one cuts the
# step in progress off rather than saving it.
trap 'stopped=${stopped:-term}' TERM
"${LCE_PYTHON:-.venv/bin/python}" -m "$@" &
child=$!

# A trapped signal ends `wait` before the child has ended.
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
done
if [ -n "$stopped" ]; then
    wait "$child"
    status=$?
fi

if [ "$stopped" = limit ] && [ "$status" -ne 0 ] && [ "$status" -ne 2 ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MAX_REQUEUES:-100}" ]; then
        echo "error: queued again ${SLURM_RESTART_COUNT} times already; raise --time or MAX_REQUEUES" >&2
    else
        echo "stopped before the time limit; queued again to go on from here" >&2
        if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
            scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
        else
            scontrol requeue "$SLURM_JOB_ID"
        fi
    fi
fi
exit "$status"
