"""A preset over a small folder with a tiny random backbone: tables in seconds."""

import random
from pathlib import Path

import pytest

from lce_tf.replication.presets import Preset
from lce_tf.training.config import TrainConfig

WORDS = (
    "river stone bridge lantern garden winter copper mirror basket thunder meadow candle harbour ladder orchard "
    "pepper saddle timber velvet whistle anchor barrel cinder dragon engine feather glacier hammer island jungle"
).split()


def make_preset(folder: Path, **changes) -> Preset:
    """Writes 60 passages, 20 queries a split and a random encoder, and names them in a preset."""
    import torch
    import transformers

    draw = random.Random(3)
    data = folder / "small"
    data.mkdir(parents=True)
    texts = [" ".join(draw.choices(WORDS, k=6 + i % 9)) for i in range(60)]
    (data / "collection.tsv").write_text("".join(f"p{i}\t{text}\n" for i, text in enumerate(texts)))
    for split, first in (("train", 0), ("dev", 20)):
        words = [" ".join(draw.sample(texts[first + i].split(), 2)) for i in range(20)]
        (data / f"queries.{split}.tsv").write_text("".join(f"{split}{i}\t{w}\n" for i, w in enumerate(words)))
        (data / f"qrels.{split}.txt").write_text("".join(f"{split}{i} 0 p{first + i} 1\n" for i in range(20)))
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        initializer_range=0.2,
    )
    backbone = folder / "tiny"
    transformers.BertModel(config).save_pretrained(backbone)
    (backbone / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    (backbone / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    training = TrainConfig(
        dataset=str(data),
        run="",
        backbone=str(backbone),
        batch=2,
        steps=2,
        learning_rate=1e-3,
        query_length=8,
        sequence_length=32,
        negatives_depth=30,
        precision="float32",
        checkpoint_every=2,
        log_every=1,
    )
    settings = {"queries": 15, "depth": 8, "candidates": 40, "encoder": str(backbone), "backbone": "tiny"}
    return Preset(name="small", dataset=str(data), training=training, **{**settings, **changes})


@pytest.fixture(scope="session")
def preset(tmp_path_factory) -> Preset:
    return make_preset(tmp_path_factory.mktemp("preset"))
