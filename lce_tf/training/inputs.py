"""The inputs of a training: pool of queries, token stores and their hashes."""

from dataclasses import asdict
from typing import NamedTuple

from lce_tf.data.datasets import Dataset, load_dataset
from lce_tf.data.qrels import Qrels, judgments_key
from lce_tf.data.runs import Run, read_run
from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.files import sha256_of
from lce_tf.groups.pool import TrainingPool, refuse_strangers
from lce_tf.groups.pool_cache import training_pool
from lce_tf.groups.teacher import TeacherScores, teacher_scores
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.reranking.order import known_queries, pair_rows
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.texts import passage_store, passages_are_tokenised, query_store
from lce_tf.tokens.tokenizers import WordPieces
from lce_tf.training.config import TrainConfig


class TrainingInputs(NamedTuple):
    """Everything that is read from files before the first step.

    Attributes:
        teacher: scores of the pool's candidates, or None.
        hashes: written to the manifest; a resumed training must find the same.
        dev: a sample of the dev run with its judgments and packer, or None.
        watched: state of the backbone's files when they were hashed.
    """

    pool: TrainingPool
    packer: Packer
    hashes: dict[str, str]
    dev: "DevSample | None"
    teacher: TeacherScores | None
    watched: Watched = Watched(())


class DevSample(NamedTuple):
    """Dev queries that are reranked during training."""

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
    if config.sequence_length > encoder.max_position_embeddings:
        raise UserError(
            f"--sequence-length {config.sequence_length}: {config.backbone} has "
            f"{encoder.max_position_embeddings} positions only"
        )
    run = read_run(config.run, config.format)
    dataset = load_dataset(config.dataset)
    qrels = dataset.qrels(config.split)
    tokenizer = WordPieces(folder)
    if tokenizer.size > encoder.vocab_size:
        raise UserError(
            f"{folder}: its tokenizer has {tokenizer.size} wordpieces, its config.json {encoder.vocab_size}; "
            "they do not belong together"
        )
    queries = query_store(dataset, config.split, tokenizer)
    dev = _dev_queries(config, dataset, tokenizer) if config.evaluate_every else None
    if not passages_are_tokenised(dataset, tokenizer):
        refuse_strangers(run, qrels, queries)  # before tokenising, which takes most of an hour for MS MARCO
    passages = passage_store(dataset, tokenizer)

    def packer(queries):
        return Packer(queries, passages, tokenizer.special, **asdict(config.lengths))

    hashes = {
        "run": run.sha256,
        "collection": dataset.collection_key,
        "queries": queries.key,
        "judgments": judgments_key(qrels),
        "backbone": sha256_of(hub.weight_file(folder)),
        "tokenizer": tokenizer.key,
    }
    pool = training_pool(config.run, run, qrels, hashes["judgments"], queries, passages, config.pool, config.format)
    teacher = None
    if config.teacher is not None:
        scored = read_run(config.teacher, config.format)
        teacher = teacher_scores(pool, scored, queries, passages, config.teacher)
        hashes["teacher"] = scored.sha256
    sample = None
    if dev:
        sample = DevSample(dev.run, dev.qrels, packer(dev.queries))
        # Missing texts are found now, not at the first evaluation.
        pair_rows(dev.run, sample.packer, config.dev_run, config.dataset)
        hashes["dev_run"] = dev.run.sha256
    return TrainingInputs(pool, packer(queries), hashes, sample, teacher, watched)


class _DevQueries(NamedTuple):
    run: Run
    qrels: Qrels
    queries: TokenStore


def _dev_queries(config: TrainConfig, dataset: Dataset, tokenizer: WordPieces) -> _DevQueries:
    """The first `dev_queries` judged queries of the run in order of their ids, independent of the order of the
    files."""
    run, qrels = read_run(config.dev_run, config.format), dataset.qrels(config.dev_split)
    judged = [query_id for query_id in sorted(run.query_ids.tolist()) if query_id.decode() in qrels]
    if not judged:
        raise UserError(f"--dev-run {config.dev_run}: has none of the judged queries of {config.dev_split}")
    sample = judged[: config.dev_queries]
    kept = {query_id.decode(): qrels[query_id.decode()] for query_id in sample}
    top = run.only(sample).cut(config.dev_depth)
    queries = query_store(dataset, config.dev_split, tokenizer)
    known_queries(top, queries, config.dev_run, config.dataset)
    return _DevQueries(top, kept, queries)
