#!/usr/bin/env bash
# The tables, one an index: evaluated, tested, printed and written.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage tables
# Submit:  experiments/slurm/submit.sh table1 --preset msmarco
# Time:    5 minutes (estimate)
# Cost:    none to speak of: no GPU
#
# Site settings (partition, account, kind of GPU) go to submit.sh in SBATCH_FLAGS and win over those below.
#SBATCH --job-name=lce-tables
#SBATCH --time=01:00:00
#SBATCH --cpus-per-task=2
#SBATCH --mem=16G
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
exec experiments/slurm/stage.sh tables "$@"
