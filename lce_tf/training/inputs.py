"""What a training run reads: pool of queries, token stores and their hashes."""

import hashlib
import json
from dataclasses import asdict
from typing import NamedTuple

from lce_tf.data.datasets import load_dataset
from lce_tf.data.packing import Packer
from lce_tf.data.pool import TrainingPool, build_pool
from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.data.texts import passage_store, query_store
from lce_tf.data.tokenizers import WordPieces
from lce_tf.errors import UserError
from lce_tf.files import sha256_of
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.ranking.order import pair_rows
from lce_tf.training.config import TrainConfig


class TrainingInputs(NamedTuple):
    """Everything read from files before the first step.

    Attributes:
        hashes: what the manifest records and a resumed run must find unchanged.
        dev: a sample of the dev run with its judgments and packer, or None.
    """

    pool: TrainingPool
    packer: Packer
    run: Run
    hashes: dict[str, str]
    dev: "DevSample | None"


class DevSample(NamedTuple):
    """Dev queries that are reranked while training."""

    run: Run
    qrels: Qrels
    packer: Packer


def read_inputs(config: TrainConfig) -> TrainingInputs:
    """Reads and checks all inputs of a training run.

    Raises:
        UserError: something is missing or does not fit, in one line.
    """
    folder = hub.locate(config.backbone)
    encoder = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
    if config.sequence_length > encoder.max_position_embeddings:
        raise UserError(
            f"--sequence-length {config.sequence_length}: {config.backbone} has "
            f"{encoder.max_position_embeddings} positions only"
        )
    run = read_run(config.run)
    dataset = load_dataset(config.dataset)
    qrels = dataset.qrels(config.split)
    tokenizer = WordPieces(folder)
    if tokenizer.size > encoder.vocab_size:
        raise UserError(
            f"{folder}: its tokenizer has {tokenizer.size} wordpieces, its config.json {encoder.vocab_size}; "
            "they do not belong together"
        )
    passages = passage_store(dataset, tokenizer)

    def packer(split):
        queries = query_store(dataset, split, tokenizer)
        return Packer(queries, passages, tokenizer.special, **asdict(config.lengths))

    training = packer(config.split)
    pool = build_pool(run, qrels, training.queries, passages, config.pool)
    hashes = {
        "run": sha256_of(config.run),
        "collection": dataset.collection_key,
        "queries": training.queries.key,
        "judgments": hashlib.sha256(json.dumps(qrels).encode()).hexdigest(),
        "backbone": sha256_of(hub.weight_file(folder)),
        "tokenizer": tokenizer.key,
    }
    dev = None
    if config.evaluate_every:
        dev = _dev_sample(config, read_run(config.dev_run), dataset.qrels(config.dev_split), packer(config.dev_split))
        hashes["dev_run"] = sha256_of(config.dev_run)
    return TrainingInputs(pool, training, run, hashes, dev)


def _dev_sample(config: TrainConfig, run: Run, qrels: Qrels, packer: Packer) -> DevSample:
    """The first `dev_queries` judged queries of the run, in the order of their ids so that files may be reordered."""
    judged = [query_id for query_id in sorted(run.query_ids.tolist()) if query_id.decode() in qrels]
    if not judged:
        raise UserError(f"--dev-run {config.dev_run}: ranks for none of the judged queries of {config.dev_split}")
    sample = judged[: config.dev_queries]
    kept = {query_id.decode(): qrels[query_id.decode()] for query_id in sample}
    top = run.only(sample).cut(config.dev_depth)
    # Texts that are not there are found now, not at the first evaluation.
    pair_rows(top, packer, config.dev_run, config.dataset)
    return DevSample(top, kept, packer)
