"""`python -m lce_tf.rerank`: scores a run with a trained cross-encoder and writes it in its new order."""

import argparse
import sys
from collections.abc import Sequence

from lce_tf.arguments import parser_for, quiet_tensorflow
from lce_tf.errors import guarded
from lce_tf.ranking.engines import ENGINES
from lce_tf.ranking.rerank import RerankConfig, rerank
from lce_tf.ranking.shards import Shard

EXAMPLE = """python -m lce_tf.rerank --checkpoint runs/lce8 --dataset pydocs --split dev \\
      --run bm25.dev.trec --depth 100 --output lce8.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The door's command line."""
    result = parser_for("rerank", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    checkpoint = "trained cross-encoder: the --output of lce_tf.train, or one in Hugging Face's layout, folder or id"
    add("--checkpoint", required=True, help=checkpoint)
    add("--dataset", default="pydocs", help="texts of queries and passages: ir_datasets id, folder or pydocs")
    add("--split", help="the data set's split whose queries the run is of, e.g. dev")
    add("--run", required=True, help="the run to rerank, TREC's six columns or MS MARCO's three")
    add("--output", required=True, help="the run to write; raw scores go to OUTPUT.scores.npz, facts to OUTPUT.json")
    add("--depth", type=int, default=RerankConfig.depth, help="passages a query to score; the rest stay below")
    add("--engine", choices=ENGINES, default="auto", help="auto is OpenVINO on a CPU, else TensorFlow")
    add("--precision", default="auto", help="auto, float32 or bfloat16; for TensorFlow also mixed_float16")
    add("--query-length", type=int, help="wordpieces that a query keeps at most (default: the checkpoint's own)")
    add("--sequence-length", type=int, help="wordpieces of a whole pair at most (default: the checkpoint's own)")
    add("--window", type=int, help="wordpieces of a document's window (default: the checkpoint's own)")
    add("--stride", type=int, help="wordpieces from where a window begins to the next (default: the checkpoint's own)")
    add("--windows", type=int, help="windows of which the best counts, MaxP; 1: FirstP (default: the checkpoint's own)")
    add("--tag", default=RerankConfig.tag, help="the run's name in its last column")
    part = result.add_argument_group("several machines (docs/clusters.md)")
    part.add_argument(
        "--shard",
        metavar="I/K",
        help="queries number I, I + K, ... of the run into OUTPUT.shard-I-of-K, for lce merge; K alone in an array job",
    )
    part.add_argument("--ray", metavar="ADDRESS", help="score on this Ray cluster: auto, host:port, or local")
    part.add_argument("--workers", type=int, help="of --ray: one a machine without, one a GPU with GPUs")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 after one line about what is wrong."""
    quiet_tensorflow()
    return guarded(_main, parser().parse_args(argv))


def _main(arguments: argparse.Namespace) -> None:
    shard = Shard.parse(arguments.shard) if arguments.shard is not None else None
    config = RerankConfig(**{**vars(arguments), "shard": shard})
    result = rerank(config)
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {config.file}")


if __name__ == "__main__":
    sys.exit(main())
