"""Command line options of the doors that score runs."""

import argparse

from lce_tf.data.formats import add_format_option
from lce_tf.reranking.engines import ENGINES
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.reranking.shards import Shard

CHECKPOINT = "trained cross-encoder: the --output of lce_tf.train, or one in Hugging Face's layout, folder or id"
ENGINE = "auto is OpenVINO on a CPU, else TensorFlow; xla is TensorFlow with the model compiled, for GPUs"


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Adds what the run's columns hold, how pairs are cut and scored, and by which machines."""
    add_format_option(parser)
    add = parser.add_argument
    add("--engine", choices=ENGINES, default="auto", help=ENGINE)
    add(
        "--precision",
        default="auto",
        help="auto, float32 or bfloat16; for OpenVINO also int8, for TensorFlow mixed_float16",
    )
    add("--query-length", type=int, help="wordpieces that a query keeps at most (default: the checkpoint's own)")
    add("--sequence-length", type=int, help="wordpieces of a whole pair at most (default: the checkpoint's own)")
    add("--window", type=int, help="wordpieces of a document's window (default: the checkpoint's own)")
    add("--stride", type=int, help="wordpieces from where a window begins to the next (default: the checkpoint's own)")
    add("--windows", type=int, help="windows of which the best counts, MaxP; 1: FirstP (default: the checkpoint's own)")
    part = parser.add_argument_group("several machines (docs/clusters.md)")
    part.add_argument(
        "--shard",
        metavar="I/K",
        help="queries number I, I + K, ... of the run into OUTPUT.shard-I-of-K, for lce merge; K alone in an array job",
    )
    part.add_argument("--ray", metavar="ADDRESS", help="score on this Ray cluster: auto, host:port, or local")
    part.add_argument("--workers", type=int, help="of --ray: one a machine without, one a GPU with GPUs")


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
