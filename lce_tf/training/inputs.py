"""The inputs of a training: pool of queries, token stores and their hashes."""

import json
import sys
from typing import NamedTuple

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.qrels import Qrels, judgments_key
from lce_tf.data.runs import Run, read_run
from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.fusion.inputs import teacher_run
from lce_tf.groups.pool import TrainingPool, refuse_strangers
from lce_tf.groups.pool_cache import training_pool
from lce_tf.groups.teacher import TeacherScores, teacher_scores
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.model.framing import recorded, template_of
from lce_tf.reranking.order import known_queries, pair_rows
from lce_tf.tokens.lengths import window_counts
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.texts import passage_store, passages_are_tokenised, query_store
from lce_tf.tokens.tokenizers import WordPieces
from lce_tf.training.config import TrainConfig
from lce_tf.training.dev_sets import DevSet

# More windows than this are refused where no passage has as many; each takes memory in every batch.
IDLE_WINDOWS = 100


class TrainingInputs(NamedTuple):
    """Everything that is read from files before the first step.

    Attributes:
        teacher: of the pool's candidates, or None.
        hashes: what the manifest records and a resumed run must find unchanged.
        dev: samples of the dev runs with their judgments and packers; none where nothing is evaluated.
        watched: the backbone's files as they were when they were hashed.
        template: what checkpoints say of how pairs are framed; None where that is BERT's template.
        backbone_commit: of the hub, where the backbone came from there.
    """

    pool: TrainingPool
    packer: Packer
    hashes: dict[str, str]
    dev: tuple["DevSample", ...]
    teacher: TeacherScores | None
    watched: Watched = Watched(())
    template: dict | None = None
    backbone_commit: str | None = None

    @property
    def facts(self) -> dict:
        """What the manifest says of the queries, the backbone's version and the teacher."""
        facts = {"queries": self.pool.findings.summary(), "usable_queries": len(self.pool)}
        if self.backbone_commit is not None:
            facts["backbone_commit"] = self.backbone_commit
        return facts if self.teacher is None else {**facts, "teacher": self.teacher.summary()}


class DevSample(NamedTuple):
    """Dev queries that are reranked while training.

    Attributes:
        name: of the set among the figures; "" for the first.
    """

    name: str
    run: Run
    qrels: Qrels
    packer: Packer


def read_inputs(config: TrainConfig) -> TrainingInputs:
    """Reads and checks all inputs of a training.

    Raises:
        UserError: an input is missing or does not fit, in one line.
    """
    folder = hub.locate(config.backbone)
    watched = hub.watched(folder)
    encoder = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
    if config.sequence_length > encoder.positions:
        raise UserError(
            f"--sequence-length {config.sequence_length}: {config.backbone} has {encoder.positions} positions only"
        )
    run = read_run(config.run, config.format)
    dataset = load_dataset(config.dataset)
    qrels = dataset.qrels(config.split) if config.pool.judged else {}
    tokenizer = WordPieces(folder)
    if tokenizer.size > encoder.vocab_size:
        raise UserError(
            f"{folder}: its tokenizer has {tokenizer.size} wordpieces, its config.json {encoder.vocab_size}; "
            "they do not belong together"
        )
    template = template_of(folder, encoder, tokenizer)
    queries = query_store(dataset, config.split, tokenizer)
    wanted = config.dev_sets
    dev = [_dev_queries(config, one, tokenizer) for one in wanted]
    if not passages_are_tokenised(dataset, tokenizer):
        # Checked before a large collection is tokenised, which takes most of an hour.
        refuse_strangers(run, qrels, queries, config.pool)
    passages = passage_store(dataset, tokenizer)
    _check_windows(config, passages)

    def packer(queries, passages):
        return Packer(queries, passages, template, config.lengths)

    hashes = {
        "run": run.sha256,
        "collection": dataset.collection_key,
        "queries": queries.key,
        "judgments": judgments_key(qrels),
        "backbone": hub.weights_sha256(folder),
        "backbone_config": encoder.key,
        "tokenizer": tokenizer.key,
    }
    if kept := recorded(template, tokenizer):
        hashes["template"] = json.dumps(kept, sort_keys=True)
    pool = training_pool(config.run, run, qrels, hashes["judgments"], queries, passages, config.pool, config.format)
    teacher = None
    if config.teacher is not None:
        scored, read = teacher_run(config.teacher, config.format)
        teacher = teacher_scores(pool, scored, queries, passages, config.teacher)
        hashes |= read
    samples = []
    for one, found in zip(wanted, dev, strict=True):
        texts = passages if one.dataset == config.dataset else passage_store(load_dataset(one.dataset), tokenizer)
        samples.append(DevSample(one.name, found.run, found.qrels, packer(found.queries, texts)))
        # Texts that are not there are found now, not at the first evaluation.
        pair_rows(found.run, samples[-1].packer, one.run, one.dataset)
        hashes["dev_run" + (one.name and f":{one.name}")] = found.run.sha256
        if (one.dataset, one.split) == (config.dataset, config.split):
            _note_seen(one.run, found.run.query_ids, queries.text_ids[pool.query_rows])
    packed, kept = packer(queries, passages), recorded(template, tokenizer)
    return TrainingInputs(pool, packed, hashes, tuple(samples), teacher, watched, kept, hub.commit(folder))


def _note_seen(file: str, sample: np.ndarray, trained: np.ndarray) -> None:
    """Notes on stderr that queries of a dev sample are trained on; both are [queries] 'S' ids of one split."""
    if seen := int(np.isin(sample, trained).sum()):
        print(
            f"note: {file}: {seen} of the {len(sample)} queries of its sample are trained on, so its figures are too "
            "high; hold queries out, as lce holdout does",
            file=sys.stderr,
        )


def _check_windows(config: TrainConfig, passages: TokenStore) -> None:
    """Notes on stderr that more windows were asked for than the longest passage has, since batches hold them all.

    Raises:
        UserError: the number is above `IDLE_WINDOWS` as well.
    """
    lengths = config.lengths
    if lengths.windows == 1:
        return
    longest = np.diff(passages.offsets).max(initial=0)
    most = int(window_counts(longest, lengths.passage, lengths.stride, lengths.windows))
    if lengths.windows > most:
        fact = (
            f"--windows {lengths.windows}: the longest passage of {config.dataset} has {longest} wordpieces, {most} "
            f"window{'s' * (most > 1)} of {lengths.passage}"
        )
        if lengths.windows > IDLE_WINDOWS:
            raise UserError(f"{fact}; give at most {most}")
        print(f"note: {fact}; --windows {most} has the same windows and takes less work", file=sys.stderr)


class _DevQueries(NamedTuple):
    run: Run
    qrels: Qrels
    queries: TokenStore


def read_dev(wanted: DevSet, format: str | None) -> tuple[Run, Qrels, list[bytes]]:
    """The run of a dev set, the judgments of its split, and the run's judged queries in the order of their ids.

    Raises:
        UserError: one of them cannot be read, or none of the run's queries is judged.
    """
    run, qrels = read_run(wanted.run, format), load_dataset(wanted.dataset).qrels(wanted.split)
    judged = [query_id for query_id in sorted(run.query_ids.tolist()) if query_id.decode() in qrels]
    if not judged:
        flag = "--dev-also" if wanted.name else "--dev-run"
        raise UserError(f"{flag} {wanted.run}: has none of the judged queries of {wanted.split}")
    return run, qrels, judged


def _dev_queries(config: TrainConfig, wanted: DevSet, tokenizer: WordPieces) -> _DevQueries:
    """The first `dev_queries` judged queries of the run, in the order of their ids so that files may be reordered."""
    run, qrels, judged = read_dev(wanted, config.format)
    sample = judged[: config.dev_queries]
    kept = {query_id.decode(): qrels[query_id.decode()] for query_id in sample}
    top = run.only(sample).cut(config.dev_depth)
    queries = query_store(load_dataset(wanted.dataset), wanted.split, tokenizer)
    known_queries(top, queries, wanted.run, wanted.dataset)
    return _DevQueries(top, kept, queries)
