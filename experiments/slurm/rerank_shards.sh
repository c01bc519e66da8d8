#!/usr/bin/env bash
# One big run reranked by many jobs, a shard an index; goes on at its last finished chunk. `lce merge` joins them.
#
# Command: python -m lce_tf.rerank --checkpoint runs/lce8 --run bm25.dev.trec --split dev --output lce8.trec --shard 8
# Submit:  sbatch --array=0-7 experiments/slurm/rerank_shards.sh --checkpoint runs/lce8 --dataset pydocs --split dev \
#              --run bm25.dev.trec --output lce8.trec --shard 8
#          and when all are done: python -m lce_tf.merge lce8.trec
# Time:    7 minutes an index for 7 million pairs in 8 shards on A100s (computed, not measured)
# Cost:    low: 1 GPU hour for 7 million pairs of 256 wordpieces, however many shards
#
# Takes the options of lce_tf.rerank. --shard K names the number of shards, the array's index which of them; submit
# from the checkout. Site settings (partition, account, kind of GPU) go to sbatch and win over those below.
#SBATCH --job-name=lce-rerank-shards
#SBATCH --time=02:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --gres=gpu:1
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
exec experiments/slurm/requeued.sh lce_tf.rerank "$@"
