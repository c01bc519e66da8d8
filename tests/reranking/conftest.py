"""Tiny trained checkpoints, token stores and a job for the tests of scoring."""

import numpy as np
import pytest

from lce_tf.data.runs import Run, write_trec
from lce_tf.reranking.rerank import RerankConfig
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Number of logits -> folder of a checkpoint whose encoder transformers itself made and saved."""
    import torch
    from transformers import ElectraConfig, ElectraModel

    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import PRECISIONS

    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    config = ElectraConfig(
        vocab_size=len(WORDS),
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        initializer_range=0.5,  # or all scores would be nearly the same
    )
    ElectraModel(config).save_pretrained(root / "backbone")
    (root / "backbone" / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    folders = {}
    for outputs in (1, 2):
        model = checkpoint.from_backbone(str(root / "backbone"), Scoring(outputs), PRECISIONS["float32"], seed=outputs)
        folders[outputs] = root / f"trained{outputs}"
        checkpoint.save(model, folders[outputs], root / "backbone", Lengths(8, 40), {"loss": "test"})
    return folders


@pytest.fixture(scope="session")
def packer():
    """12 queries and 60 passages of random letters, from empty to longer than what is kept: 8 of a query, 40 in all."""
    rng = np.random.default_rng(0)

    def store(count, longest):
        lengths = rng.integers(0, longest, count)
        names = np.array([f"{i:03}".encode() for i in range(count)])
        flat = rng.integers(5, len(WORDS), lengths.sum()).astype(np.uint16)
        return TokenStore(names, np.cumsum([0, *lengths]), flat)

    return Packer(store(12, 11), store(60, 60), (2, 3, 0), Lengths(8, 40))


@pytest.fixture(scope="session")
def pairs(packer):
    """All pairs of the packer's queries and passages, in a random order: (query_rows, passage_rows)."""
    return np.divmod(np.random.default_rng(1).permutation(12 * 60), 60)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder in MS MARCO's layout: 5 queries, 40 passages of random letters; the run ranks 12 to 20 for each."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)

    def text(longest):
        return " ".join(rng.choice(WORDS[5:], rng.integers(1, longest)))

    passages = [f"d{i}" for i in range(40)]
    (folder / "collection.tsv").write_text("".join(f"{p}\t{text(50)}\n" for p in passages))
    (folder / "queries.dev.tsv").write_text("".join(f"q{i}\t{text(9)}\n" for i in range(5)))
    (folder / "queries.other.tsv").write_text("".join(f"q{i}\t{text(9)}\n" for i in range(5)))
    sizes = [20, 12, 15, 20, 13]
    ids = [p for size in sizes for p in rng.permutation(passages)[:size]]
    run = Run.build([f"q{i}" for i in range(5)], np.cumsum([0, *sizes]), ids, -np.arange(80.0), "bm25")
    write_trec(run, folder / "in.trec")
    return folder


@pytest.fixture
def config(data, checkpoints, tmp_path):
    return RerankConfig(
        checkpoint=str(checkpoints[1]),
        dataset=str(data),
        run=str(data / "in.trec"),
        output=str(tmp_path / "out" / "new.trec"),
        split="dev",
        depth=10,
        precision="float32",
        tag="tiny",
        chunk=16,
    )
