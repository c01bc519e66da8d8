#!/usr/bin/env bash
# Runs a table, or all of them, as four Indexed Jobs, each begun when the one before is complete.
#
# Command: python -m lce_tf.tables table1 --preset msmarco --output /lce/msmarco --list-stage train
# Submit:  experiments/kubernetes/submit.sh table1 --preset msmarco --output /lce/msmarco
#          IMAGE=registry.example/lce-tf:gpu experiments/kubernetes/submit.sh all --preset msmarco --output /lce/msmarco
# Time:    20 hours for Table 1 on 8 A100s, three days for all tables on 14 (computed, not measured)
# Cost:    high: 58 GPU hours for Table 1, 260 for all tables
#
# Takes what `python -m lce_tf.tables` takes, with paths on the volume. Kubernetes has no dependencies between Jobs, so
# this waits; started again, it goes on with what is not complete.
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "usage: experiments/kubernetes/submit.sh TABLE [options of python -m lce_tf.tables]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${LCE_PYTHON:-.venv/bin/python}
manifests=experiments/kubernetes
# As a YAML list, fit for the right side of sed's s|...|...|.
arguments=$(printf ', "%s"' "$@" | sed 's/[&|\\]/\\&/g')

# A manifest of this folder with the image, options and number of indices asked for.
render() {
    local stage=$1 count=$2
    sed -e "s|^  completions: .*|  completions: $count|" \
        -e "s|^  parallelism: .*|  parallelism: $((count < ${PARALLEL:-1000} ? count : PARALLEL))|" \
        -e "s|^          image: .*|          image: ${IMAGE:-lce-tf:latest}|" \
        -e "s|^          args: .*|          args: [lce_tf.tables$arguments, --stage, $stage]|" \
        "$manifests/$stage.yaml"
}

state() {
    kubectl get job "lce-$1" -o 'jsonpath={.status.conditions[?(@.status=="True")].type}'
}

stages=(retrieve train rerank tables)
counts=()
for stage in "${stages[@]}"; do
    plan=$("$python" -m lce_tf.tables "$@" --list-stage "$stage")
    counts+=("$(wc -l <<<"$plan")")
done
if [ -n "${RENDER_ONLY:-}" ]; then
    for i in "${!stages[@]}"; do
        echo "---"
        render "${stages[i]}" "${counts[i]}"
    done
    exit
fi

kubectl apply -f "$manifests/volume.yaml"
for i in "${!stages[@]}"; do
    stage=${stages[i]}
    echo "$stage: ${counts[i]} indices"
    # Jobs cannot be changed: one that failed, or an earlier table's, makes room. Its products stay.
    if [[ "$(kubectl get job "lce-$stage" --ignore-not-found -o name)" && "$(state "$stage")" =~ Complete|Failed ]]; then
        kubectl delete job "lce-$stage"
    fi
    render "$stage" "${counts[i]}" | kubectl apply -f -
    until [[ "$(state "$stage")" =~ Complete|Failed ]]; do
        sleep "${POLL:-30}"
    done
    if [[ "$(state "$stage")" =~ Failed ]]; then
        echo "error: stage $stage failed; see kubectl logs -l stage=$stage --prefix, mend it, run this again" >&2
        exit 1
    fi
done
