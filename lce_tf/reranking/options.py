"""Command line options of the commands that score runs."""

import argparse

from lce_tf.reranking.rerank import CLUSTER, RerankConfig, rerank
from lce_tf.reranking.shards import Shard
from lce_tf.settings import add_options

CHECKPOINT = "trained cross-encoder: the --output of lce_tf.train, or one in Hugging Face's layout, folder or id"


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for the run's format, for cutting and scoring pairs, and for several machines."""
    names = (
        "format",
        "engine",
        "precision",
        "query_length",
        "sequence_length",
        "window",
        "stride",
        "windows",
        "special_words",
    )
    add_options(parser, RerankConfig, names, fill=True)
    part = parser.add_argument_group(CLUSTER)
    part.add_argument(
        "--shard",
        metavar="I/K",
        help="queries number I, I + K, ... of the run into OUTPUT.shard-I-of-K, for lce merge; K alone in an array job",
    )
    add_options(part, RerankConfig, ("ray", "workers"), fill=True)


def run_job(arguments: argparse.Namespace, judged: bool = False) -> None:
    """Runs the job that a command line with these options describes, and prints one line.

    Args:
        arguments: fields of `RerankConfig`, the shard as text.
        judged: see `RerankConfig`.
    """
    shard = Shard.parse(arguments.shard) if arguments.shard is not None else None
    config = RerankConfig(**{**vars(arguments), "shard": shard, "judged": judged})
    result = rerank(config)
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {config.file}")
