#!/usr/bin/env bash
# The checkpoints, one an index; an index that is stopped goes on from its last saved step.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage train
# Submit:  experiments/slurm/submit.sh table1 --preset msmarco
# Time:    on an A100 15 h for n = 8, 4 h for n = 2, 2 h for cross entropy, 59 h for n = 32 (computed, not measured)
# Cost:    high: 48 GPU hours for Table 1, 240 for all tables
#
# Site settings (partition, account, kind of GPU) go to submit.sh in SBATCH_FLAGS and win over those below.
#SBATCH --job-name=lce-train
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --gres=gpu:1
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
exec experiments/slurm/stage.sh train "$@"
