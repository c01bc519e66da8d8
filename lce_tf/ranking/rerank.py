"""Reranking a run: resumable scoring, then the run in its new order."""

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.packing import Packer
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.data.texts import passage_store, query_store
from lce_tf.data.tokenizers import WordPieces
from lce_tf.errors import UserError
from lce_tf.files import make_folder, read_json, sha256_of, write_json, written
from lce_tf.model import checkpoint
from lce_tf.progress import Progress
from lce_tf.ranking.engines import Engine, open_engine
from lce_tf.ranking.order import merged, pair_rows, scores_of
from lce_tf.ranking.scoring import score_pairs

# Pairs between two points that an interrupted job can go on from.
CHUNK = 16384


@dataclass(frozen=True)
class RerankConfig:
    """A reranking job.

    Attributes:
        checkpoint: folder of a trained cross-encoder.
        dataset, split: where the texts of queries and passages are; see `load_dataset`.
        run: file of the run to rerank.
        output: file to write; the raw model scores go to `OUTPUT.scores.npz`, the manifest to `OUTPUT.json`.
        depth: passages a query that are scored; the others stay below them in their old order.
        engine, precision: see `open_engine`.
        tag: the run's name in the file.
    """

    checkpoint: str
    dataset: str
    run: str
    output: str
    split: str | None = None
    depth: int = 1000
    engine: str = "auto"
    precision: str = "auto"
    tag: str = "lce_tf"
    chunk: int = field(default=CHUNK, repr=False)

    def __post_init__(self):
        if self.depth < 1:
            raise UserError(f"--depth {self.depth}: give 1 or more; evaluate the run itself to see it unreranked")
        if Path(self.output).is_dir():
            raise UserError(f"--output {self.output}: is a folder; name a file")
        if self.tag.split() != [self.tag]:
            raise UserError(f"--tag '{self.tag}': is empty or holds white space; give one word")


def rerank(config: RerankConfig) -> Run:
    """The reranked run, written to `config.output` with its raw scores and manifest.

    Work done by an interrupted call with the same configuration and inputs is taken up; products of another
    configuration are refused.

    Raises:
        UserError: bad input, in one line.
    """
    run = read_run(config.run)
    dataset = load_dataset(config.dataset)
    model, scoring, lengths = checkpoint.trained(config.checkpoint)
    tokenizer = WordPieces(config.checkpoint)
    if tokenizer.size > model.vocab_size:
        raise UserError(
            f"{config.checkpoint}: its tokenizer has {tokenizer.size} wordpieces, its config.json "
            f"{model.vocab_size}; they do not belong together"
        )
    _check_writable(config.output)
    packer = Packer(
        query_store(dataset, config.split, tokenizer),
        passage_store(dataset, tokenizer),
        tokenizer.special,
        **asdict(lengths),
    )
    top = run.cut(config.depth)
    where = f"{config.dataset}" + (f", split {config.split}" if config.split else "")
    query_rows, passage_rows = pair_rows(top, packer, config.run, where)
    engine = open_engine(config.checkpoint, config.engine, config.precision)
    manifest = {
        "model": checkpoint.identity(config.checkpoint),
        "run_sha256": sha256_of(config.run),
        "queries": packer.queries.key,
        "collection": dataset.collection_key,
        "depth": config.depth,
        "engine": engine.name,
        "precision": engine.precision,
        "lengths": asdict(lengths),
        "chunk": config.chunk,
    }
    start = time.monotonic()
    logits = _resumable(engine, packer, query_rows, passage_rows, Path(f"{config.output}.partial"), manifest)
    seconds = time.monotonic() - start
    values = scores_of(logits, scoring)
    ranked, raw = merged(run, top, values, config.tag)
    with written(f"{config.output}.scores.npz", "wb") as file:
        np.savez(file, scores=raw)
    write_json(f"{config.output}.json", {**asdict(config), **manifest, "pairs": len(values), "seconds": seconds})
    write_trec(ranked, config.output)
    shutil.rmtree(f"{config.output}.partial", ignore_errors=True)
    return ranked


def _check_writable(output: str) -> None:
    """Fails now rather than after the long work."""
    folder = make_folder(Path(output).parent)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror}); choose another --output") from error


def _resumable(engine: Engine, packer: Packer, query_rows, passage_rows, partial: Path, manifest: dict) -> np.ndarray:
    """The logits of all pairs, chunk by chunk; finished chunks are kept in `partial` until the job is done."""
    plan = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    make_folder(partial)
    if (partial / "plan.json").is_file():
        if read_json(partial / "plan.json").get("plan") != plan:
            raise UserError(
                f"{partial}: holds the unfinished work of another model, run, depth or precision; "
                "delete it, or choose another --output"
            )
    else:
        write_json(partial / "plan.json", {"plan": plan, **manifest})
    starts = range(0, len(query_rows), manifest["chunk"])
    files = [partial / f"{i:06}.npy" for i in range(len(starts))]
    done = sum(min(manifest["chunk"], len(query_rows) - s) for s, f in zip(starts, files, strict=True) if f.is_file())
    parts = []
    with Progress("rerank", len(query_rows), "pairs", initial=done) as progress:
        for start, file in zip(starts, files, strict=True):
            if not file.is_file():
                chunk = slice(start, start + manifest["chunk"])
                logits = score_pairs(engine, packer, query_rows[chunk], passage_rows[chunk], progress.advance)
                with written(file, "wb") as handle:
                    np.save(handle, logits)
            parts.append(_chunk(file))
    return np.concatenate(parts)


def _chunk(file: Path) -> np.ndarray:
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{file}: is torn; delete it, its pairs will be scored again") from error
