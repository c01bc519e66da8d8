"""Generates a data set of MS MARCO's lengths, its run, and a random ELECTRA; the same on every machine."""

import itertools
import json
from pathlib import Path

import numpy as np

from experiments.bench.lengths import PASSAGES, QUERIES, draw_lengths

COLLECTION, JUDGED, DEPTH = 20_000, 1_000, 200
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def words(count: int) -> list[str]:
    """Made-up words, each a single wordpiece."""
    letters = itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=4)
    return ["".join(word) for word in itertools.islice(letters, count)]


def write_files(folder: Path, tiny: bool = False) -> Path:
    """Writes `data`, `run.trec` and `backbone` into the folder, unless they are there; returns the folder.

    The toy files have a folder of their own beside it.
    """
    folder = folder.with_name(f"{folder.name}-tiny") if tiny else folder
    done = folder / "done"
    if done.is_file():
        return folder
    rng = np.random.default_rng(5)
    vocabulary = words(1_000 if tiny else 30_517)
    passages, queries = (COLLECTION // 20, JUDGED // 20) if tiny else (COLLECTION, JUDGED)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, table, count, start in (
        ("collection", PASSAGES, passages, "p"),
        ("queries.train", QUERIES, queries, "q"),
    ):
        lines = (
            f"{start}{i}\t{' '.join(vocabulary[w] for w in rng.integers(0, len(vocabulary), length))}\n"
            for i, length in enumerate(draw_lengths(rng, table, count))
        )
        (data / f"{name}.tsv").write_text("".join(lines))
    (data / "qrels.train.txt").write_text("".join(f"q{i} 0 p{i} 1\n" for i in range(queries)))
    with open(folder / "run.trec", "w") as file:
        for i in range(queries):
            ranked = rng.choice(passages, DEPTH, replace=False)
            file.writelines(f"q{i} Q0 p{p} {r} {DEPTH - r} drawn\n" for r, p in enumerate(ranked, 1))
    _write_backbone(folder / "backbone", vocabulary, TINY if tiny else BASE)
    done.touch()
    return folder


def _write_backbone(folder: Path, vocabulary: list[str], shape: dict[str, int]) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.ElectraConfig(
        vocab_size=len(vocabulary) + len(SPECIAL), embedding_size=shape["hidden_size"], **shape
    )
    transformers.ElectraModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *vocabulary]) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
