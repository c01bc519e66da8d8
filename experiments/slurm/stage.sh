#!/usr/bin/env bash
# Runs one index of one stage inside a Slurm job; the job scripts beside this one end with it.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage train
# Time:    as its job script says
# Cost:    as its job script says
#
# SIGUSR1, which Slurm sends shortly before the time limit (--signal=B:USR1@180), stops the work at the next point
# that can be gone on from, and queues the index again. On SIGTERM, sent before a preemption or by scancel, the work
# stops likewise, and Slurm decides whether the index is queued again.
set -u

stage=$1
shift
child=
stopped=
trap 'stopped=limit; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' USR1
# Slurm sends SIGTERM to every process of the job itself. Passed on, it would arrive twice, and a second one cuts the
# step in progress off rather than saving it.
trap 'stopped=${stopped:-term}' TERM
"${LCE_PYTHON:-.venv/bin/python}" -m lce_tf.tables "$@" --stage "$stage" &
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
