"""`python -m lce_tf.retrieve`: a first-stage run of a data set's queries, by BM25 or by a dense encoder.

`tune` finds BM25's parameters first.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lce_tf.arguments import HelpFormatter, quiet_tensorflow, wants
from lce_tf.data.datasets import load_dataset
from lce_tf.data.folder import spare_own_file
from lce_tf.data.runs import Run, write_trec
from lce_tf.destinations import is_stream
from lce_tf.errors import UserError, guarded
from lce_tf.files import check_output
from lce_tf.retrieval import bm25, dense, heatmap, prebuilt, tuning

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
TCT-ColBERTv2 on MS MARCO, as in the paper, over pyserini's index (25 GB) instead of vectors of our own:
  python -m lce_tf.retrieve dense --dataset msmarco-passage --split dev --output tct.dev.trec --similarity dot \
    --encoder castorini/tct_colbert-v2-hnp-msmarco --pooling tct --prebuilt msmarco-v1-passage.tct_colbert-v2-hnp
"""
_TUNE_EXAMPLE = """example:
  python -m lce_tf.retrieve tune --dataset pydocs --split train --subset 1000 --figure bm25.png

Every pair of the grid is searched for five random sets of judged queries; each set has its best pair (of equal ones
the smallest k1, then the smallest b), and their mean is the result. It is kept in the cache, where
`bm25 --tuned` finds it. MS MARCO: k1 0.82, b 0.68, the defaults of `bm25`.
"""


def retrieve_bm25(
    dataset: str,
    split: str | None,
    output: str | Path,
    *,
    depth: int = 1000,
    k1: float = bm25.K1,
    b: float = bm25.B,
    tuned: str | None = None,
    judged: bool = False,
    threads: int | None = None,
) -> Run:
    """The BM25 run, `depth` passages a query at most, that it also writes to `output` in TREC's format.

    `tuned` names a split on whose judged queries k1 and b are tuned, unless the cache has them already: see
    `retrieval.tuning`. `judged` searches only for queries with a relevant passage. `threads` None: all processors.
    Raises: UserError for bad input, before any long work.
    """
    _check(output, depth, threads)
    bm25.check_parameters(k1, b)
    if tuned is not None and (k1, b) != (bm25.K1, bm25.B):
        raise UserError(f"--tuned {tuned}: finds k1 and b itself; leave out --k1 and --b")
    data = load_dataset(dataset)
    if tuned is not None:
        found = tuning.tune(data, tuned, threads=threads)
        k1, b = found.k1, found.b
        print(f"tuned on {tuned}: k1 {k1:g}, b {b:g} ({found.path})")
    run = bm25.search(data, split, depth, k1, b, threads, judged)
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
    max_length: int | None = None,
    prebuilt_index: str | None = None,
    judged: bool = False,
    threads: int | None = None,
) -> Run:
    """The run of an encoder's nearest passages, `depth` a query, that it also writes to `output` in TREC's format.

    `encoder` is "minilm" (the packaged all-MiniLM-L6-v2), a folder or a hub id in Hugging Face's layout;
    `prebuilt_index` is an index of pyserini's to search instead of vectors of our own: see `retrieval.prebuilt`.
    `judged` searches only for queries with a relevant passage; `threads` bounds the search, None: all processors.
    Raises: UserError for bad input, before any long work.
    """
    _check(output, depth, threads)
    if max_length is not None and max_length < 3:
        raise UserError(f"max length {max_length}: must be 3 or more tokens, [CLS] and [SEP] included")
    data = load_dataset(dataset)
    from lce_tf.model.embedder import Embedder

    embed = Embedder.load(encoder, pooling=pooling, similarity=similarity, max_length=max_length)
    if prebuilt_index is None:
        run = dense.search(embed, data, split, depth, threads, judged)
    else:
        run = prebuilt.search(prebuilt_index, embed, data, split, depth, threads, judged)
    write_trec(run, output)
    return run


def tune_bm25(
    dataset: str,
    split: str | None,
    *,
    grid: tuning.Grid | None = None,
    figure: str | Path | None = None,
    threads: int | None = None,
) -> tuning.Tuning:
    """BM25's parameters tuned on a split's judged queries, drawn to `figure` (PNG) as a heat map if it is given.

    `grid` None: the paper's. Raises: UserError for bad input, before any long work.
    """
    _check(figure, tuning.DEPTH, threads)
    found = tuning.tune(load_dataset(dataset), split, grid, threads)
    if figure is not None:
        heatmap.write_figure(found, figure)
    return found


def parser() -> argparse.ArgumentParser:
    """The command line of this door."""
    options = argparse.ArgumentParser(
        prog="lce_tf.retrieve",
        description=__doc__.split(": ", 1)[1].strip(),
        epilog=_EXAMPLE,
        formatter_class=HelpFormatter,
    )
    methods = options.add_subparsers(dest="method", required=True, metavar="METHOD")
    lucene = _retriever(methods, "bm25", "search with BM25 in Lucene", _BM25_EXAMPLE)
    lucene.add_argument("--k1", type=float, default=bm25.K1, help="saturation of a word's repetitions, 0 or more")
    lucene.add_argument("--b", type=float, default=bm25.B, help="weight of a passage's length, 0 to 1")
    lucene.add_argument(
        "--tuned", nargs="?", const="train", metavar="SPLIT",
        help="take the k1 and b tuned on this split (train where none is named), from the cache or tuned now",
    )  # fmt: skip
    vectors = _retriever(methods, "dense", "search with an encoder's vectors, exactly", _DENSE_EXAMPLE)
    vectors.add_argument("--encoder", default=ENCODER, help="minilm, or a folder or hub id in Hugging Face's layout")
    poolings = ("mean", "cls", "tct")
    vectors.add_argument(
        "--pooling", choices=poolings, default="mean", help="what of the tokens is the vector; tct: as TCT-ColBERT's"
    )
    vectors.add_argument("--similarity", choices=("cosine", "dot"), default="cosine", help="how vectors are compared")
    vectors.add_argument(
        "--max-length", type=int, metavar="TOKENS", default=argparse.SUPPRESS,
        help="tokens of a query or passage that are read (default: 256; tct: 512, and 36 of a query)",
    )  # fmt: skip
    vectors.add_argument(
        "--prebuilt", metavar="NAME",
        help=f"search an index that pyserini offers, such as {prebuilt.TCT_HNP}, or a folder with one",
    )  # fmt: skip
    _add_tune(methods)
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
    method.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processors to use")
    return method


def _retriever(methods, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    method = _method(methods, name, summary, example)
    method.add_argument("--depth", type=int, default=1000, help="passages a query, at most")
    method.add_argument("--judged", action="store_true", help="only for queries with a relevant passage")
    method.add_argument("--output", required=True, metavar="FILE", help="the run to write, in TREC's format")
    return method


def _add_tune(methods) -> None:
    method, paper = _method(methods, "tune", "tune BM25's k1 and b by the paper's grid", _TUNE_EXAMPLE), tuning.Grid()
    for name, values in (("k1", paper.k1), ("b", paper.b)):
        shown = ",".join(map(str, values))
        method.add_argument(f"--{name}-grid", type=_values, default=shown, metavar="X,X,...", help=f"values of {name}")
    method.add_argument("--subset", type=int, default=paper.size, help="queries in each set, at most half of all")
    method.add_argument("--seed", type=int, default=paper.seed, help="of the five sets")
    method.add_argument("--figure", metavar="FILE.png", help="draw the heat map")


@wants("numbers with commas between, such as 0.6,0.9,1.2")
def _values(text: str) -> tuple[float, ...]:
    return tuple(float(value) for value in text.split(","))


def _tune(args: argparse.Namespace) -> None:
    begin = time.monotonic()
    grid = tuning.Grid(args.k1_grid, args.b_grid, args.subset, args.seed)
    found = tune_bm25(args.dataset, args.split, grid=grid, figure=args.figure, threads=args.threads)
    print(heatmap.text(found))
    print(f"{time.monotonic() - begin:.1f} s: {found.path}")


def _run(args: argparse.Namespace) -> None:
    if args.method == "tune":
        return _tune(args)
    begin = time.monotonic()
    shared = {"depth": args.depth, "judged": args.judged, "threads": args.threads}
    if args.method == "bm25":
        run = retrieve_bm25(args.dataset, args.split, args.output, k1=args.k1, b=args.b, tuned=args.tuned, **shared)
    else:
        run = retrieve_dense(
            args.dataset,
            args.split,
            args.output,
            encoder=args.encoder,
            pooling=args.pooling,
            similarity=args.similarity,
            max_length=getattr(args, "max_length", None),
            prebuilt_index=args.prebuilt,
            **shared,
        )
    seconds = time.monotonic() - begin
    # A pipe on stdout is given the run alone.
    said = sys.stderr if is_stream(args.output) else sys.stdout
    print(f"{len(run.query_ids)} queries, {len(run)} rows, {seconds:.1f} s: {args.output}", file=said)


def _check(output: str | Path | None, depth: int, threads: int | None) -> None:
    """Refuses what would only come to light after the search: bad numbers, an output that cannot be written."""
    if depth < 1:
        raise UserError(f"depth {depth}: must be 1 or more passages a query")
    if threads is not None and threads < 1:
        raise UserError(f"threads {threads}: must be 1 or more")
    if output is None:
        return
    spare_own_file(output)
    check_output(output)


if __name__ == "__main__":
    sys.exit(main())
