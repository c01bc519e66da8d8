"""Reranks a run: scores its pairs, resumably, and writes the run in its new order."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.judged import judgments_if_any, known_relevant, with_judged
from lce_tf.data.qrels import Qrels, judgments_key
from lce_tf.data.runs import Run, check_ids, read_run
from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.foundation.files import check_output
from lce_tf.foundation.locks import alone
from lce_tf.foundation.progress import Progress
from lce_tf.foundation.settings import check, setting
from lce_tf.model import checkpoint, hub
from lce_tf.reranking import on_ray
from lce_tf.reranking.activation import activated
from lce_tf.reranking.chunks import Chunks
from lce_tf.reranking.engine import AUTO, ENGINES, Engine
from lce_tf.reranking.engines import check_precision, open_engine
from lce_tf.reranking.opening import SPECIAL_WORDS, Opened, open_checkpoint
from lce_tf.reranking.order import best_windows, known_queries, pair_rows, reordered, reordered_column, scores_of
from lce_tf.reranking.outputs import refuse_stream, write_reranked
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.shards import Shard
from lce_tf.reranking.steady import processor
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.texts import passage_store, query_store
from lce_tf.tokens.windows import expanded

# Pairs per chunk; an interrupted job resumes after the last finished chunk.
CHUNK = 16384
CLUSTER = "several machines (docs/clusters.md)"
CHECKPOINT = (
    "trained cross-encoder: the --output of lce_tf.train, or one in Hugging Face's layout, folder, ID or ID@REVISION"
)


@dataclass(frozen=True)
class RerankConfig:
    """A reranking job; each field's help states its meaning.

    Attributes:
        judged: also score the judged relevant passages that the run lacks, and write only the rows that are scored,
            with ranking scores. A student is trained on such a run. A named split may be without judgments.
        shard: rerank only this part of the run, into its own file (`file`).
    """

    checkpoint: str = setting(help=CHECKPOINT)
    dataset: str = setting(help="texts of queries and passages: ir_datasets id, folder or pydocs", shown="pydocs")
    run: str = setting(help="the run to rerank, TREC's six columns or MS MARCO's three")
    output: str = setting(help="the run to write; raw scores go to OUTPUT.scores.npz, facts to OUTPUT.json")
    split: str | None = setting(None, "the data set's split whose queries the run is of, e.g. dev")
    depth: int = setting(
        1000,
        "passages a query to score; the rest stay below in their old order",
        at_least=1,
        give="give 1 or more; evaluate the run itself to see it unreranked",
    )
    engine: str = setting(
        "auto",
        "auto: openvino on a CPU, else packed; a name that lce list engines prints; or a class, package.module.Class",
        read=ENGINES.known,
        metavar="ENGINE",
    )
    precision: str = setting(
        "auto",
        "auto, float32 or bfloat16; for OpenVINO also int8, for TensorFlow mixed_float16, mixed_bfloat16 and "
        "products_bfloat16",
    )
    tag: str = setting("lce_tf", "the run's name in its last column")
    query_length: int | None = setting(None, "maximum wordpieces of a query (default: the checkpoint's own)")
    sequence_length: int | None = setting(None, "maximum wordpieces of a whole pair (default: the checkpoint's own)")
    window: int | None = setting(None, "wordpieces of a document's window (default: the checkpoint's own)")
    stride: int | None = setting(None, "wordpieces between the starts of two windows (default: the checkpoint's own)")
    windows: int | None = setting(
        None, "number of windows per document; the best score counts (MaxP); 1: FirstP (default: the checkpoint's own)"
    )
    special_words: str = setting(
        "auto",
        "read words such as [SEP] in a text as plain text, as that special token, or as the checkpoint's own library "
        "does",
        choices=SPECIAL_WORDS,
    )
    positive_label: int | None = setting(
        None,
        "which of a model's two labels means relevant (default: as their names say)",
        choices=(0, 1),
    )
    trust_settings: bool = setting(
        False,
        "score with a public model although its files have settings that are not known here (docs/checkpoints.md)",
    )
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)
    judged: bool = setting(False)
    shard: Shard | None = setting(None)
    ray: str | None = setting(
        None, "score on this Ray cluster: auto, host:port, or local", metavar="ADDRESS", part=CLUSTER
    )
    workers: int | None = setting(
        None, "processes for --ray: one per machine, or one per GPU", at_least=1, part=CLUSTER
    )
    chunk: int = field(default=CHUNK, repr=False)

    def __post_init__(self):
        check(self)
        if Path(self.output).is_dir():
            raise UserError(f"--output {self.output}: is a folder; name a file")
        refuse_stream(self.output)
        for file in dict.fromkeys((self.output, self.file)):  # the shards become `output`, so it is spared as well
            spare_inputs(file, (self.run, self.checkpoint), beside=BESIDE_A_RUN)
        if self.tag.split() != [self.tag]:
            raise UserError(f"--tag '{self.tag}': is empty or holds white space; give one word")
        if (self.ray is None) != (self.workers is None):
            raise UserError("--ray, --workers: give both, such as --ray auto --workers 4, or neither")

    @property
    def file(self) -> str:
        """The path of the run that is written: `output`, or the shard's file."""
        return self.output if self.shard is None else self.shard.file(self.output)


@dataclass(frozen=True)
class ScoreConfig(RerankConfig):
    """A job in which a teacher scores a training run, on which students are trained; see `RerankConfig`."""

    split: str | None = setting("train", "the data set's split whose queries the run is of")
    depth: int = setting(
        200,
        "passages a query to score, as the student's --negatives-depth; judged relevant ones come on top",
        at_least=1,
        give="give 1 or more",
    )
    tag: str = setting("teacher", "the run's name in its last column")
    judged: bool = setting(True)


def rerank(config: RerankConfig) -> Run:
    """Reranks the run, or a shard of it, and writes it to `config.file` with its raw scores and manifest.

    Work of an interrupted call with the same configuration and inputs is resumed; work of another configuration is
    refused.

    Raises:
        UserError: bad input, in one line; or another process writes the same file.
    """
    run = whole = read_run(config.run, config.format)
    run_sha256 = whole.sha256
    dataset, judged = load_dataset(config.dataset), {}
    if config.judged:
        qrels = judgments_if_any(dataset, config.split)
        run = whole = whole.cut(config.depth)
        judged = {"judgments": judgments_key(qrels)}
    if config.shard is not None:
        run = config.shard.of(whole)
    check_ids(run, config.file)  # before the long work rather than after it
    folder = checkpoint.locate(config.checkpoint)
    watched = hub.watched(folder)
    opened = opened_for(config, folder)
    tokenizer, template, scoring, lengths = opened.tokenizer, opened.template, opened.scoring, opened.lengths
    check_output(config.file, "--output")
    where = f"{config.dataset}" + (f", split {config.split}" if config.split else "")
    queries = query_store(dataset, config.split, tokenizer)
    # Checked before the passages are tokenised, which takes most of an hour for a large collection.
    known_queries(run, queries, config.run, where)
    passages = passage_store(dataset, tokenizer)
    if config.judged:
        if not qrels:
            print(f"note: {where} has no judgments; only the run's passages are scored", file=sys.stderr, flush=True)
        run = with_judged(run, _in_collection(qrels, run, passages))
        check_ids(run, config.file)
    packer = Packer(queries, passages, template, lengths)
    top = run if config.judged else run.cut(config.depth)
    *columns, offsets = expanded(packer, *pair_rows(top, packer, config.run, where))
    facts = {
        "model": checkpoint.identity(folder),
        "run_sha256": run_sha256,
        "queries": packer.queries.key,
        "collection": dataset.collection_key,
        "depth": config.depth,
        "lengths": lengths.as_json(),
        "chunk": config.chunk,
        **({"format": config.format} if config.format else {}),
        **judged,
        **_shard_facts(config.shard, whole),
    }
    with alone(config.file):
        logits, facts = _scored(config, folder, watched, packer, columns, facts)
        values, best = best_windows(scores_of(logits, scoring), offsets)
        # A student learns from ranking scores; a sigmoid would leave little of the differences between them.
        shown = "identity" if config.judged else opened.shown
        ranked, ranking_scores = reordered(run, top, values, config.tag)
        ranked, scores = activated(ranked, ranking_scores, shown)
        facts = {**asdict(config), "output": config.file, **facts, "way": opened.way, "pairs": len(values)}
        facts |= {"checkpoint_commit": commit} if (commit := hub.commit(folder)) else {}
        facts |= {"calibration": asdict(shown)} if shown == opened.calibration else {}
        raw = {"scores": scores} | ({"logits": ranking_scores} if shown != "identity" else {})
        raw |= {"windows": reordered_column(run, top, values, best, -1)} if lengths.windows > 1 else {}
        write_reranked(ranked, raw, config.file, facts)
        shutil.rmtree(f"{config.file}.partial", ignore_errors=True)
    return ranked


def _in_collection(qrels: Qrels, run: Run, passages: TokenStore) -> Qrels:
    """The judgments that the collection has the passages of; says how many of the run's queries' are left out."""
    kept, absent = known_relevant(qrels, run, lambda names: passages.rows(names) >= 0)
    if absent:
        said = f"judged passages not in the collection {len(absent)} ({absent[0]}), left out"
        print(said, file=sys.stderr, flush=True)
    return kept


def opened_for(config: RerankConfig, folder: Path | None = None) -> Opened:
    """The checkpoint of a job, opened but for its weights: what can be found wrong with it before the long work.

    Args:
        folder: where the checkpoint lies, if that is known already.

    Raises:
        UserError: as `open_checkpoint`; or it has no weights, the engine does not have the precision, or the
            calibration is one of other scores.
    """
    opened = open_checkpoint(
        folder or config.checkpoint,
        config.query_length,
        config.sequence_length,
        config.window,
        config.stride,
        config.windows,
        config.special_words,
        config.positive_label,
        config.trust_settings,
    )
    hub.weight_file(opened.folder)
    if not config.judged:
        opened.check_calibration()
    if config.ray is None or config.engine != AUTO:  # on Ray, each worker chooses the engine for its own device
        check_precision(config.engine, config.precision)
    return opened


def _shard_facts(shard: Shard | None, whole: Run) -> dict[str, Any]:
    """Facts that the manifest of a shard has in addition; none without a shard."""
    return {} if shard is None else {"shard": shard.index, "shards": shard.count, "run_queries": len(whole.query_ids)}


class Scorer(Protocol):
    """Scores a job's chunks.

    Attributes:
        name, precision: of the engine, see `Engine`.
    """

    name: str
    precision: str

    def score(self, chunks: Chunks, columns: Sequence[np.ndarray], advance: Callable[[int], None]) -> None:
        """Writes the missing chunks.

        Args:
            columns: `query_rows` and `passage_rows` of `score_pairs`, [pairs] integers each.
            advance: called with the number of pairs scored since the last call.
        """


class Here:
    """A `Scorer` that scores chunks in this process, one after the other."""

    def __init__(self, engine: Engine, packer: Packer):
        self._engine, self._packer, self.name, self.precision = engine, packer, engine.name, engine.precision

    def score(self, chunks: Chunks, columns: Sequence[np.ndarray], advance: Callable[[int], None]) -> None:
        for number in chunks.missing():
            part = (column[chunks.rows(number)] for column in columns)
            chunks.write(number, score_pairs(self._engine, self._packer, *part, advance))


@contextlib.contextmanager
def _scorer(config: RerankConfig, folder: Path, packer: Packer) -> Iterator[Scorer]:
    if config.ray is None:
        yield Here(open_engine(folder, config.engine, config.precision), packer)
    else:
        with on_ray.connected(config.ray, config.workers):
            opening = on_ray.Opening.of(folder, config.engine, config.precision, packer)
            yield on_ray.OnRay(opening, config.workers)


def _scored(
    config: RerankConfig,
    folder: Path,
    watched: Watched,
    packer: Packer,
    columns: Sequence[np.ndarray],
    facts: dict[str, Any],
) -> tuple[np.ndarray, dict[str, Any]]:
    """The logits of all pairs, and `facts` extended by the engine, its precision, the processor and the seconds."""
    with _scorer(config, folder, packer) as scorer:
        watched.check()  # the engine has read the weights by now
        facts = {**facts, "engine": scorer.name, "precision": scorer.precision}
        about = {} if config.ray else {"processor": processor()}
        logits, seconds = _resumable(scorer, columns, Path(f"{config.file}.partial"), facts)
        return logits, {**facts, **about, "seconds": seconds}


def _resumable(
    scorer: Scorer, columns: Sequence[np.ndarray], partial: Path, manifest: dict
) -> tuple[np.ndarray, float | None]:
    """The logits of all pairs, computed chunk by chunk; finished chunks stay in `partial` until the job is done.

    Also the seconds that this took; None if some chunks were finished by an earlier call.
    """
    chunks, start = Chunks(partial, manifest, len(columns[0])), time.monotonic()
    resumed = chunks.done > 0
    with Progress("rerank", chunks.pairs, "pairs", initial=chunks.done) as progress:
        scorer.score(chunks, columns, progress.advance)
    return chunks.logits(), None if resumed else time.monotonic() - start
