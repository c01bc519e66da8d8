"""A random checkpoint of each family in Hugging Face's layout, all of one size; every side scores the same files."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.pairs import read_pairs
from experiments.bench.trials import fastest

SEED, SEQUENCE = 1, 256
# MiniLM's size: 6 layers of 384, with 12 heads.
SIZES = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 514,
}
DISTILBERT = {"dim": 384, "n_layers": 6, "n_heads": 12, "hidden_dim": 1536, "max_position_embeddings": 514}
DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 256,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "pooler_hidden_size": 384,
    "type_vocab_size": 0,
}
TWO_TYPES = {"type_vocab_size": 2, "pad_token_id": 0}
GLOBAL = {"pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102, "bos_token_id": 101, "eos_token_id": 102}
# Family -> the beginning of transformers' class names, and the settings of its configuration.
FAMILIES = {
    "bert": ("Bert", SIZES),
    "electra": ("Electra", SIZES | {"embedding_size": 384}),
    "roberta": ("Roberta", SIZES | TWO_TYPES),
    "distilbert": ("DistilBert", DISTILBERT),
    "mpnet": ("MPNet", SIZES | {"pad_token_id": 0}),
    "deberta-v2": ("DebertaV2", SIZES | DISENTANGLED),
    "modernbert": ("ModernBert", SIZES | GLOBAL),
    "albert": ("Albert", SIZES | {"embedding_size": 128}),
}
# Factor on the head's random weights, which otherwise give almost equal scores.
SPREAD = 4.0


def write_family(folder: Path, name: str) -> None:
    """Writes `hf`, a classifier of one label with random weights and MiniLM's tokenizer."""
    import torch
    import transformers

    from lce_tf.model import hub

    torch.manual_seed(SEED)
    kind, sizes = FAMILIES[name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(hub.locate("minilm"))
    config = getattr(transformers, f"{kind}Config")(**sizes, vocab_size=len(tokenizer), num_labels=1)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config)
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.mul_(SPREAD)
    model.save_pretrained(folder / "hf")
    names = ["input_ids", "attention_mask"]
    names += ["token_type_ids"] if getattr(config, "type_vocab_size", 0) > 1 else []
    tokenizer.model_max_length, tokenizer.model_input_names = SEQUENCE, names
    tokenizer.save_pretrained(folder / "hf")


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Scores the prepared pairs by `Reranker`, as a user calls it.

    Args:
        job: `data`, the prepared folder; `variants`, each with `precision` where it is not the default; `scores`, a
            file to write the first round's to.
    """
    from lce_tf import Reranker

    texts, loaded = read_pairs(job["data"]).texts, {}

    def score(pairs: list[tuple[str, str]], precision: str = "auto") -> np.ndarray:
        if precision not in loaded:
            loaded[precision] = Reranker.load(Path(job["data"]) / "hf", precision=precision)
        return loaded[precision].scored(pairs).scores

    chosen, tried = fastest(job.get("variants", [{}]), lambda variant: score(texts[:128], **variant))

    def round_of() -> dict[str, Any]:
        begin = time.perf_counter()
        scores = score(texts, **chosen)
        seconds = time.perf_counter() - begin
        if not Path(job["scores"]).exists():
            np.save(job["scores"], scores)
        return {"rate": len(scores) / seconds}

    round_of.facts = {"chosen": chosen, "tried": tried}
    return round_of
