"""A small folder data set, its run, and a tiny random ELECTRA whose vocabulary knows the data set's words."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lce_tf.training.checkpoints import Checkpoints
from lce_tf.training.config import TrainConfig

WORDS = (
    "river stone bridge lantern garden winter copper mirror basket thunder meadow candle harbour ladder orchard "
    "pepper saddle timber velvet whistle anchor barrel cinder dragon engine feather glacier hammer island jungle "
    "kettle lemon marble needle oyster pillow quarry ribbon silver tunnel umbrella violin walnut yellow zebra acorn"
).split()
PASSAGES = 40


@contextlib.contextmanager
def kept_checkpoints() -> Iterator[None]:
    """Within the block, finished trainings keep the checkpoints that they would have resumed from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "discard", lambda self: None)
        yield


def make_data(folder: Path, splits=("train", "dev"), queries=12) -> Path:
    """A folder in MS MARCO's layout: each query is two words of its one relevant passage."""
    draw = random.Random(3)
    folder.mkdir(parents=True)
    texts = [" ".join(draw.sample(WORDS, 5 + i % 9)) for i in range(PASSAGES)]
    (folder / "collection.tsv").write_text("".join(f"p{i}\t{text}\n" for i, text in enumerate(texts)))
    for number, split in enumerate(splits):
        rows, judged = [], []
        for i in range(queries):
            passage = (i + number * queries) % PASSAGES
            rows.append(f"{split}{i}\t{' '.join(draw.sample(texts[passage].split(), 2))}\n")
            judged.append(f"{split}{i} 0 p{passage} 1\n")
        (folder / f"queries.{split}.tsv").write_text("".join(rows))
        (folder / f"qrels.{split}.txt").write_text("".join(judged))
    return folder


def make_run(path: Path, split="train", queries=12, depth=20) -> Path:
    """A run that ranks `depth` passages for each query, its positive somewhere among them or not."""
    draw = random.Random(5)
    lines = []
    for i in range(queries):
        ranked = draw.sample(range(PASSAGES), depth)
        lines += [f"{split}{i} Q0 p{p} {rank} {100 - rank} t\n" for rank, p in enumerate(ranked, 1)]
    path.write_text("".join(lines))
    return path


def make_backbone(folder: Path, dropout=0.0, **sizes) -> Path:
    """A random ELECTRA, of one layer unless told otherwise, as transformers writes it."""
    import torch
    import transformers

    torch.manual_seed(1)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    sizes = {
        "vocab_size": len(vocabulary),
        "embedding_size": 16,
        "hidden_size": 32,
        "num_hidden_layers": 1,  # each layer is a second of tracing in every training
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        # Large, so that a random model's scores differ from one another.
        "initializer_range": 0.2,
    } | sizes
    config = transformers.ElectraConfig(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, **sizes)
    transformers.ElectraModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    return folder


class Files:
    """Paths of the small data set and of the tiny models, and configurations that use them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.data = make_data(folder / "data")
        self.run = make_run(folder / "train.trec")
        self.dev_run = make_run(folder / "dev.trec", "dev")
        self.backbone = make_backbone(folder / "backbone")
        self.two_layers = make_backbone(folder / "two-layers", num_hidden_layers=2)
        self.with_dropout = make_backbone(folder / "with-dropout", dropout=0.2)

    def config(self, **settings) -> TrainConfig:
        """A short training in float32; every setting can be given."""
        base = {
            "dataset": str(self.data),
            "run": str(self.run),
            "backbone": str(self.backbone),
            "group": 4,
            "batch": 4,
            "steps": 6,
            "learning_rate": 1e-3,
            "query_length": 8,
            "sequence_length": 32,
            "precision": "float32",
            "checkpoint_every": 2,
            "log_every": 2,
        }
        return TrainConfig(**{**base, **settings})


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Files:
    return Files(tmp_path_factory.mktemp("training"))
