#!/usr/bin/env bash
# Runs one index of one stage inside a Slurm job; the job scripts beside this one end with it.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --stage train
# Time:    as its job script says
# Cost:    as its job script says
set -u

stage=$1
shift
exec "$(dirname "${BASH_SOURCE[0]}")/requeued.sh" lce_tf.tables "$@" --stage "$stage"
