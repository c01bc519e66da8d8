"""The command-line options of the commands that score runs, `lce rerank` and `lce score`."""

import argparse

from lce_tf.foundation.settings import add_options, from_options
from lce_tf.reranking.rerank import CLUSTER, RerankConfig, rerank
from lce_tf.reranking.shards import Shard

_OWN = ("checkpoint", "dataset", "split", "run", "output", "depth", "tag")
_SCORING = ("format", "engine", "precision", "query_length", "sequence_length", "window", "stride", "windows")
_LOADING = ("special_words", "positive_label", "trust_settings")


def add_job_options(parser: argparse.ArgumentParser, config: type[RerankConfig]) -> None:
    """Adds the options for what is scored, how pairs are cut and scored, and on which machines."""
    add_options(parser, config, (*_OWN, *_SCORING, *_LOADING), fill=True)
    part = parser.add_argument_group(CLUSTER)
    part.add_argument(
        "--shard",
        metavar="I/K",
        help="queries number I, I + K, ... of the run into OUTPUT.shard-I-of-K, for lce merge; K alone in an array job",
    )
    add_options(part, config, ("ray", "workers"), fill=True)


def run_job(arguments: argparse.Namespace, config: type[RerankConfig]) -> None:
    """Runs the reranking job that parsed options describe, and prints a one-line summary."""
    if arguments.shard is not None:
        arguments.shard = Shard.parse(arguments.shard)
    job = from_options(config, arguments)
    result = rerank(job)
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {job.file}")
