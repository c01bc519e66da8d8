"""`python -m lce_tf.retrieve`: a first-stage run of a data set's queries, by BM25 or by a dense encoder."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lce_tf.arguments import HelpFormatter, quiet_tensorflow
from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import Run, write_trec
from lce_tf.errors import UserError, guarded
from lce_tf.files import make_folder
from lce_tf.retrieval import bm25, dense

ENCODER = "minilm"

_EXAMPLE = """example:
  python -m lce_tf.retrieve bm25 --dataset pydocs --split dev --depth 1000 --output bm25.dev.trec
"""
_BM25_EXAMPLE = """example:
  python -m lce_tf.retrieve bm25 --dataset pydocs --split train --depth 200 --output bm25.train.trec

The index is built on first use and kept in the cache ($LCE_CACHE, else ~/.cache/lce_tf); no Java need be installed.
"""
_DENSE_EXAMPLE = """example:
  python -m lce_tf.retrieve dense --dataset pydocs --split dev --depth 1000 --output dense.dev.trec

The passages' vectors are made on first use and kept in the cache ($LCE_CACHE, else ~/.cache/lce_tf).
"""


def retrieve_bm25(
    dataset: str,
    split: str | None,
    output: str | Path,
    *,
    depth: int = 1000,
    k1: float = bm25.K1,
    b: float = bm25.B,
    threads: int | None = None,
) -> Run:
    """The BM25 run, `depth` passages a query at most, that it also writes to `output` in TREC's format.

    `threads` None: all processors. Raises: UserError for bad input, before any long work.
    """
    _check(output, depth, threads)
    bm25.check_parameters(k1, b)
    run = bm25.search(load_dataset(dataset), split, depth, k1, b, threads)
    write_trec(run, output)
    return run


def retrieve_dense(
    dataset: str,
    split: str | None,
    output: str | Path,
    *,
    depth: int = 1000,
    encoder: str = ENCODER,
    pooling: str = "mean",
    similarity: str = "cosine",
    max_length: int = 256,
    threads: int | None = None,
) -> Run:
    """The run of an encoder's nearest passages, `depth` a query, that it also writes to `output` in TREC's format.

    `encoder` is "minilm" (the packaged all-MiniLM-L6-v2), a folder or a hub id in Hugging Face's layout;
    `threads` bounds the search, None: all processors. Raises: UserError for bad input, before any long work.
    """
    _check(output, depth, threads)
    if max_length < 3:
        raise UserError(f"max length {max_length}: must be 3 or more tokens, [CLS] and [SEP] included")
    data = load_dataset(dataset)
    from lce_tf.model.embedder import Embedder

    embed = Embedder.load(encoder, pooling=pooling, similarity=similarity, max_length=max_length)
    run = dense.search(embed, data, split, depth, threads)
    write_trec(run, output)
    return run


def parser() -> argparse.ArgumentParser:
    """The command line of this door."""
    options = argparse.ArgumentParser(
        prog="lce_tf.retrieve",
        description=__doc__.split(": ", 1)[1],
        epilog=_EXAMPLE,
        formatter_class=HelpFormatter,
    )
    methods = options.add_subparsers(dest="method", required=True, metavar="METHOD")
    lucene = _method(methods, "bm25", "search with BM25 in Lucene", _BM25_EXAMPLE)
    lucene.add_argument("--k1", type=float, default=bm25.K1, help="saturation of a word's repetitions, 0 or more")
    lucene.add_argument("--b", type=float, default=bm25.B, help="weight of a passage's length, 0 to 1")
    vectors = _method(methods, "dense", "search with an encoder's vectors, exactly", _DENSE_EXAMPLE)
    vectors.add_argument("--encoder", default=ENCODER, help="minilm, or a folder or hub id in Hugging Face's layout")
    vectors.add_argument("--pooling", choices=("mean", "cls"), default="mean", help="what of the tokens is the vector")
    vectors.add_argument("--similarity", choices=("cosine", "dot"), default="cosine", help="how vectors are compared")
    vectors.add_argument("--max-length", type=int, default=256, help="tokens of a query or passage that are read")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the run and prints one line about it; returns the exit status, 2 for bad input."""
    quiet_tensorflow()
    return guarded(_run, parser().parse_args(argv))


def _method(methods, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    method = methods.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=example,
        formatter_class=HelpFormatter,
    )  # fmt: skip
    method.add_argument("--dataset", default="pydocs", help="ir_datasets id, folder in MS MARCO's layout, or pydocs")
    method.add_argument("--split", help="whose queries, e.g. dev; not needed where the data set has only one")
    method.add_argument("--depth", type=int, default=1000, help="passages a query, at most")
    method.add_argument("--output", required=True, metavar="FILE", help="the run to write, in TREC's format")
    method.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processors to use")
    return method


def _run(args: argparse.Namespace) -> None:
    begin = time.monotonic()
    shared = {"depth": args.depth, "threads": args.threads}
    if args.method == "bm25":
        run = retrieve_bm25(args.dataset, args.split, args.output, k1=args.k1, b=args.b, **shared)
    else:
        run = retrieve_dense(
            args.dataset,
            args.split,
            args.output,
            encoder=args.encoder,
            pooling=args.pooling,
            similarity=args.similarity,
            max_length=args.max_length,
            **shared,
        )
    seconds = time.monotonic() - begin
    print(f"{len(run.query_ids)} queries, {len(run)} rows, {seconds:.1f} s: {args.output}")


def _check(output: str | Path, depth: int, threads: int | None) -> None:
    """Refuses what would only come to light after the search: bad numbers, an output that cannot be written."""
    if depth < 1:
        raise UserError(f"depth {depth}: must be 1 or more passages a query")
    if threads is not None and threads < 1:
        raise UserError(f"threads {threads}: must be 1 or more")
    output = Path(output)
    if output.is_dir():
        raise UserError(f"{output}: is a folder; name a file to write")
    make_folder(output.parent)
    try:
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror}); choose another output") from error


if __name__ == "__main__":
    sys.exit(main())
