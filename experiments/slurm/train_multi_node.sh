#!/usr/bin/env bash
# One checkpoint, trained by several nodes together; stopped, or bereft of a node, it goes on from its last saved step.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage train --index 3 --strategy multi_worker_mirrored
# Submit:  sbatch --nodes=4 experiments/slurm/train_multi_node.sh table1 --preset msmarco --index 3
# Time:    on 4 nodes with an A100 each 4 h for n = 8, 15 h for n = 32, and what they spend on waiting for each other
#          (computed from one node's, not measured; no Slurm with several nodes was at hand to run this on)
# Cost:    high: 15 GPU hours for n = 8, 60 for n = 32, as on one node
#
# Takes what `python -m lce_tf.tables` takes; --stage train and --strategy are added. Give the other stages the same
# --strategy. Three minutes before the time limit, Slurm has every worker save the step that they are at (--signal) and
# the job is queued again, as it is after a lost worker. On a preemption, Slurm decides that itself; scancel is for good.
#SBATCH --job-name=lce-train-together
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --gres=gpu:1
#SBATCH --signal=TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -u

stopped=
# Comes with a preemption or scancel; at the time limit, only the workers get it.
trap 'stopped=1' TERM
srun --kill-on-bad-exit=1 "${LCE_PYTHON:-.venv/bin/python}" -m lce_tf.tables "$@" \
    --stage train --strategy multi_worker_mirrored
status=$?

# 2 is wrong input, and 1 a fault of the program: neither gets better by itself.
if [ -z "$stopped" ] && [ "$status" -gt 2 ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MAX_REQUEUES:-100}" ]; then
        echo "error: queued again ${SLURM_RESTART_COUNT} times already; raise --time or MAX_REQUEUES" >&2
    else
        echo "stopped with exit status $status; queued again to go on from the newest checkpoint" >&2
        job=$SLURM_JOB_ID
        if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
            job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
        fi
        scontrol requeue "$job"
    fi
fi
exit "$status"
