#!/usr/bin/env bash
# Submits a table, or all of them, as four Slurm arrays, each after the one before: retrieve, train, rerank, tables.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --list-stage train
# Submit:  experiments/slurm/submit.sh table1 --preset msmarco
#          SBATCH_FLAGS='--partition=gpu --account=me' experiments/slurm/submit.sh all --preset msmarco --seeds 1,2,3
# Time:    20 hours for Table 1 on 8 A100s, three days for all tables on 14 (computed, not measured)
# Cost:    high: 58 GPU hours for Table 1, 260 for all tables
#
# Takes what `python -m lce_tf.tables` takes. Run it in an environment that is set up, on a file system that the nodes
# share; the cache ($LCE_CACHE, else ~/.cache/lce_tf) must be shared as well. A stage whose predecessor failed is
# cancelled. Mend the cause and run this again: what is done is found done.
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "usage: experiments/slurm/submit.sh TABLE [options of python -m lce_tf.tables]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LCE_PYTHON="${LCE_PYTHON:-$PWD/.venv/bin/python}"
logs=${LOGS:-runs/slurm}
mkdir -p "$logs"
read -ra site <<<"${SBATCH_FLAGS:-}"

# All plans are made before anything is submitted, so that an option that cannot be leaves no half a chain behind. Whether
# the data are there, only the jobs see.
stages=(retrieve train rerank tables)
last=()
for stage in "${stages[@]}"; do
    plan=$("$LCE_PYTHON" -m lce_tf.tables "$@" --list-stage "$stage")
    last+=("$(($(wc -l <<<"$plan") - 1))")
done

after=()
for i in "${!stages[@]}"; do
    stage=${stages[i]}
    job=$(sbatch --parsable --chdir="$PWD" --array="0-${last[i]}" --output="$logs/$stage.%A_%a.log" \
        "${after[@]}" "${site[@]}" "experiments/slurm/$stage.sh" "$@")
    job=${job%%;*}
    echo "$stage: job $job, indices 0-${last[i]}, logs $logs/$stage.${job}_*.log"
    after=("--dependency=afterok:$job" --kill-on-invalid-dep=yes)
done
