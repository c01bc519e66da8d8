"""The texts to score and train on: real pairs and groups, the same for every side."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.families import FAMILIES, write_family
from experiments.bench.pairs import only, read_groups, read_pairs
from lce_tf.foundation.files import built_folder

# Longer texts are left out, so that no pair is cut at 256 wordpieces and all sides read the same text.
QUERY, PASSAGE = 50, 200
# Candidates per query to score, as a first stage would give, and to train on.
DEPTH, CANDIDATES = 50, 160
# Words of a passage that is longer than any sequence.
LONG = 256


def training_config(folder: str | Path, texts: str = "texts", **settings: Any) -> Any:
    """Our training of the prepared model on the prepared queries.

    Args:
        texts: "texts", those of the data set; "long", passages that fill any sequence of up to 256 wordpieces.
        settings: of `TrainConfig`.
    """
    from lce_tf.training.config import TrainConfig

    folder = Path(folder)
    base = {"steps": 4, "log_every": 1, "checkpoint_every": 1 << 30, "short_lists": "replace"}
    named = {"dataset": str(folder / texts), "run": str(folder / texts / "run.trec"), "backbone": str(folder / "model")}
    return TrainConfig(**{**named, **base, **settings})


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Writes a prepared folder.

    Args:
        job: `folder`; `dataset` to take texts from, `model` (see `write_models`), and how many `pairs`, training
            `queries`, and `groups` of `members` each to write.
    """

    def prepare() -> dict[str, Any]:
        target = Path(job["folder"])
        if not (target / "pairs.json").is_file():
            with built_folder(target) as folder:
                _write(job, folder)
        return {"pairs": len(read_pairs(target).pairs), "groups": len(read_groups(target))}

    return prepare


def _write(job: dict[str, Any], folder: Path) -> None:
    from experiments.bench.weights import write_models
    from lce_tf.model import hub

    family = job["model"] in FAMILIES
    if family:
        write_family(folder, job["model"])
    else:
        write_models(folder, job["model"])
    queries, passages, positives = _texts(job["dataset"], hub.locate("minilm") if family else folder / "model")
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(positives))
    count = -(-job["pairs"] // DEPTH)
    picked = [positives[i] for i in chosen[:count]]
    pairs = [(query, passage) for query, positive in picked for passage in _candidates(rng, positive, passages, DEPTH)]
    pairs = pairs[: job["pairs"]]
    _write_json(
        folder / "pairs.json",
        {
            "queries": only(queries, {query for query, _ in pairs}),
            "passages": only(passages, {passage for _, passage in pairs}),
            "pairs": pairs,
        },
    )
    if family:  # families are only scored
        _write_json(folder / "groups.json", [])
        return
    trained = [positives[i] for i in chosen[-job["queries"] :]]
    _write_training(folder / "texts", rng, queries, passages, trained)
    long = {f"p{i}": " ".join(["water"] * LONG) for i in range(CANDIDATES)}
    asked = {f"q{i}": "water " * 4 for i in range(16)}
    _write_training(folder / "long", rng, asked, long, [(f"q{i}", f"p{i}") for i in range(16)])
    _write_json(folder / "groups.json", _dealt(folder, job["groups"], job["members"], queries, passages))


def _texts(dataset: str, tokenizer_folder: Path) -> tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]:
    """Queries and passages that are short enough, and (query, positive) pairs of them, by id."""
    from lce_tf.data.datasets import load_dataset
    from lce_tf.data.pydocs import collection as pydocs
    from lce_tf.tokens.tokenizers import WordPieces

    found, split = load_dataset(str(pydocs.folder()) if dataset == "pydocs" else dataset), "train"
    tokenizer = WordPieces(tokenizer_folder)

    def short(texts: dict[str, str], most: int) -> dict[str, str]:
        # Other tools read text that spells a special token as that token; ours reads it as text.
        plain = {name: text for name, text in texts.items() if not {"[CLS]", "[SEP]", "[MASK]"} & set(text.split())}
        sizes = map(len, tokenizer(list(plain.values())))
        return {name: text for (name, text), size in zip(plain.items(), sizes, strict=True) if size <= most}

    queries = short(dict(found.queries(split)), QUERY)
    passages = short({passage_id: text for passage_id, text in found.passages()}, PASSAGE)
    judged = found.qrels(split).items()
    pairs = [(query, passage) for query, grades in judged for passage in grades if passage in passages]
    return queries, passages, [(query, passage) for query, passage in pairs if query in queries]


def _candidates(rng: np.random.Generator, positive: str, passages: dict[str, str], depth: int) -> list[str]:
    """The positive among random passages, `depth` in all if there are enough: only their lengths matter here."""
    names = list(passages)
    drawn = [names[i] for i in rng.choice(len(names), min(depth, len(names)), replace=False)]
    return [positive, *[name for name in drawn if name != positive]][:depth]


def _write_training(texts: Path, rng, queries, passages, positives) -> None:
    """A data set in MS MARCO's layout with a run to draw negatives from."""
    texts.mkdir()
    one_line = {name: " ".join(text.split()) for name, text in passages.items()}
    run = [
        f"{query} Q0 {passage} {rank} {-rank} bench"
        for query, positive in positives
        for rank, passage in enumerate(_candidates(rng, positive, passages, CANDIDATES), 1)
    ]
    files = {
        "collection.tsv": [f"{name}\t{text}" for name, text in one_line.items()],
        "queries.train.tsv": [f"{query}\t{' '.join(queries[query].split())}" for query, _ in positives],
        "qrels.train.tsv": [f"{query}\t0\t{passage}\t1" for query, passage in positives],
        "run.trec": run,
    }
    for name, lines in files.items():
        (texts / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _dealt(folder: Path, groups: int, members: int, queries, passages) -> list[tuple[str, list[str]]]:
    """The texts of the first `groups` groups that training draws with this many members a group."""
    from lce_tf.groups.sampler import GroupSampler
    from lce_tf.training.inputs import read_inputs

    config = training_config(folder, group=members)
    inputs = read_inputs(config)
    dealt = GroupSampler(inputs.pool, members, config.seed).at(np.arange(groups))
    stores = inputs.packer.queries, inputs.packer.passages
    query_ids, passage_ids = (
        store.text_ids[rows] for store, rows in zip(stores, (dealt.query_rows, dealt.passage_rows), strict=True)
    )
    return [
        (queries[query.decode()], [passages[passage.decode()] for passage in group])
        for query, group in zip(query_ids, passage_ids, strict=True)
    ]


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
