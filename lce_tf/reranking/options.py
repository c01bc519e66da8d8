"""Command line options of the doors that score runs."""

import argparse

from lce_tf.reranking.rerank import CLUSTER, RerankConfig, rerank
from lce_tf.reranking.shards import Shard
from lce_tf.settings import add_options

CHECKPOINT = "trained cross-encoder: the --output of lce_tf.train, or one in Hugging Face's layout, folder or id"


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Adds what the run's columns hold, how pairs are cut and scored, and by which machines."""
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
        "positive_label",
        "trust_settings",
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
    """Does what a command line with these options asks for and says so in one line.

    Args:
        arguments: fields of `RerankConfig`, the shard as text.
        judged: see there.
    """
    shard = Shard.parse(arguments.shard) if arguments.shard is not None else None
    config = RerankConfig(**{**vars(arguments), "shard": shard, "judged": judged})
    result = rerank(config)
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {config.file}")
