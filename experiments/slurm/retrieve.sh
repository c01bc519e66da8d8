#!/usr/bin/env bash
# The first-stage runs, a retriever an index, and the token stores.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage retrieve
# Submit:  experiments/slurm/submit.sh table1 --preset msmarco
# Time:    BM25 1 h on 8 cores; dense 3 h to encode 8.8M passages on an A100; token stores 0.5 h (estimates)
# Cost:    low: up to 3 GPU hours, 10 CPU hours, 60 GB of disk
#
# Site settings (partition, account, kind of GPU) go to submit.sh in SBATCH_FLAGS and win over those below.
#SBATCH --job-name=lce-retrieve
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --gres=gpu:1
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
exec experiments/slurm/stage.sh retrieve "$@"
