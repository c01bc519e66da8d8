"""Pairs a second of this machine, from a short training and reranking of the real backbone in a scratch folder."""

import itertools
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from lce_tf.data.datasets import load_dataset
from lce_tf.foundation.files import cached_in, scratch_place
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.replication.local import collection_source, model_source
from lce_tf.replication.presets import Preset

_PASSAGES, _QUERIES = 64, 32
# The groups of a step divide over up to eight devices. The first step compiles; the fastest of the others counts.
_BATCH, _GROUP, _STEPS = 8, 4, 4
# Reranking, which is several times faster, scores as many pairs as training would in this many seconds.
_RERANK_SECONDS = 25
# Texts in place of a collection that is not here: MS MARCO's mean length, in words that are one wordpiece each.
_WORDS = "the of and to in is for that with as on by this are be from or an at it water people time other city".split()
_MEAN_WORDS = 70


def measured_rates(preset: Preset) -> tuple[float, float] | None:
    """Pairs a second in (training, reranking); None where the backbone is not on this machine.

    It takes half a minute with a small backbone and two cores. The texts are the collection's own if that is here,
    otherwise of MS MARCO's mean length.
    Everything that it writes, caches included, goes into a temporary folder.
    """
    from lce_tf.reranking.outputs import read_manifest
    from lce_tf.reranking.rerank import RerankConfig, rerank
    from lce_tf.training.job import train

    if not model_source(preset.training.backbone).here:
        return None
    texts = _texts(preset)
    with (
        tempfile.TemporaryDirectory(prefix="lce_tf_plan_", dir=scratch_place()) as name,
        cached_in(Path(name) / "cache"),
    ):
        folder = Path(name)
        data, run = _write_data(texts, folder)
        config = replace(
            preset.training,
            dataset=str(data),
            run=str(run),
            loss="lce",
            group=_GROUP,
            batch=_BATCH,
            steps=_STEPS,
            keep="last",
            evaluate_every=0,
            dev_run=None,
            checkpoint_every=_STEPS,
            log_every=1,
        )
        model = train(config, folder / "model")
        figures = TrainingFolder(model).figures()
        rates = [found["pairs_per_second"] for found in figures if "pairs_per_second" in found]
        trained = max(rates[1:])
        output, depth = folder / "reranked.trec", round(_RERANK_SECONDS * trained / _QUERIES)
        depth = min(max(depth, 2), _PASSAGES)
        rerank(RerankConfig(str(model), str(data), str(run), str(output), "train", depth=depth))
        facts = read_manifest(str(output))
    return trained, facts["pairs"] / facts["seconds"]


def _texts(preset: Preset) -> list[str]:
    if collection_source(preset.dataset, ()).here:
        passages = load_dataset(preset.dataset).passages()
        return [passage.text for passage in itertools.islice(passages, _PASSAGES)]
    draw = random.Random(1)
    return [" ".join(draw.choices(_WORDS, k=_MEAN_WORDS)) for _ in range(_PASSAGES)]


def _write_data(texts: list[str], folder: Path) -> tuple[Path, Path]:
    """A data set in MS MARCO's layout whose queries are the first words of their passages, and a run over it."""
    data, run = folder / "data", folder / "run.trec"
    data.mkdir()
    queries = range(min(_QUERIES, len(texts)))
    files = {
        data / "collection.tsv": [f"p{i}\t{text}" for i, text in enumerate(texts)],
        data / "queries.train.tsv": [f"q{i}\t{' '.join(texts[i].split()[:6]) or 'query'}" for i in queries],
        data / "qrels.train.tsv": [f"q{i}\t0\tp{i}\t1" for i in queries],
        run: [
            f"q{i} Q0 p{(i + rank) % len(texts)} {rank + 1} {-rank} plan" for i in queries for rank in range(len(texts))
        ],
    }
    for path, lines in files.items():
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data, run
