#!/usr/bin/env bash
# The reranked dev runs, one checkpoint and first stage an index; goes on at its last finished chunk.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage rerank
# Submit:  experiments/slurm/submit.sh table1 --preset msmarco
# Time:    50 minutes an index on an A100: 6,980 queries x 1,000 passages (computed, not measured)
# Cost:    medium: 7 GPU hours for Table 1, 16 for all tables
#
# Site settings (partition, account, kind of GPU) go to submit.sh in SBATCH_FLAGS and win over those below.
#SBATCH --job-name=lce-rerank
#SBATCH --time=04:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --gres=gpu:1
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
exec experiments/slurm/stage.sh rerank "$@"
