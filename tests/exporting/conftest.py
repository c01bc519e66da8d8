"""Tiny trained cross-encoders of each kind, whose encoders transformers made, and pairs of texts for them."""

import numpy as np
import pytest

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
SIZES = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 48,
    "initializer_range": 0.3,  # or all scores would be nearly the same
}
# name -> (family, logits, head, rule)
KINDS = {
    "electra-linear": ("electra", 1, "linear", "difference"),
    "electra-two-logits": ("electra", 2, "linear", "difference"),
    "electra-dense": ("electra", 2, "dense", "last"),
    "bert-linear": ("bert", 1, "linear", "difference"),
    "bert-two-logits": ("bert", 2, "linear", "difference"),
}
TRAINING = {
    "dataset": "msmarco-passage", "split": "train", "run": "/home/somebody/bm25.train.trec", "loss": "lce", "group": 8,
    "backbone": "electra-base", "steps": 300, "batch": 16, "learning_rate": 1e-5, "recipe": "paper", "keep": "last",
    "dev_queries": 50, "dev_depth": 30, "dev_run": "/home/somebody/bm25.dev.trec", "passage_length": None,
}  # fmt: skip


def make(root, family):
    import torch
    import transformers

    torch.manual_seed(0)
    if family == "electra":
        model = transformers.ElectraModel(transformers.ElectraConfig(embedding_size=16, **SIZES))
    else:
        model = transformers.BertModel(transformers.BertConfig(**SIZES))
    model.save_pretrained(root / family)
    (root / family / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return root / family


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A function of a name in `KINDS`: the folder of that checkpoint, made once."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.tokens.lengths import Lengths

    root, made = tmp_path_factory.mktemp("trained"), {}

    def folder(name):
        family, outputs, head, rule = KINDS[name]
        if name not in made:
            backbone = root / family if (root / family).is_dir() else make(root, family)
            scoring = Scoring(outputs, head, rule=rule)
            model = checkpoint.from_backbone(str(backbone), scoring, PRECISIONS["float32"], seed=3)
            for layer in model.head.layers.values():
                layer.bias.assign(np.linspace(0.1, 0.9, layer.bias.shape[0]))
            made[name] = root / name
            about = {"loss": "lce", "training": TRAINING}
            checkpoint.save(model, made[name], backbone, Lengths(10, 40), about)
        return made[name]

    return folder


@pytest.fixture(scope="session")
def texts():
    """24 pairs of random letters: queries of 0 to 10 wordpieces, passages from none to more than fit."""
    rng = np.random.default_rng(4)

    def text(longest):
        return " ".join(rng.choice(list(LETTERS), rng.integers(0, longest + 1)))

    return [("a b", ""), ("", "c"), *((text(10), text(60)) for _ in range(22))]
