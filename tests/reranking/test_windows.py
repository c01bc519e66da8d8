"""MaxP in reranking, compared with windows written as separate passages and reranked one by one."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.errors import UserError
from lce_tf.reranking import rerank as module
from lce_tf.reranking.merge import merge
from lce_tf.reranking.order import best_windows
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.shards import Shard

WINDOW, STRIDE, MOST = 12, 5, 4
# Words, each a wordpiece: none, less than a window, exactly one, one more, two, some, and more than four windows hold.
LENGTHS = [0, 5, 12, 13, 17, 18, 25, 27, 28, 60]


def write_run(path, ranked):
    ids = [p for listed in ranked.values() for p in listed]
    offsets = np.cumsum([0, *map(len, ranked.values())])
    write_trec(Run.build(list(ranked), offsets, ids, -np.arange(len(ids), dtype=float), "x"), path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folders `documents` and `windows`, the windows of the former being the passages of the latter, and runs of both.

    Which windows a document has: by going on until its end is in one, or there are four.
    """
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(4)
    documents = {f"d{i}": rng.choice(list("abcdefghijklmnopqrstuvwxyz"), n).tolist() for i, n in enumerate(LENGTHS)}
    windows = {}
    for name, words in documents.items():
        start = 0
        while True:
            windows[f"{name}.{start // STRIDE}"] = words[start : start + WINDOW]
            if start + WINDOW >= len(words) or start == STRIDE * (MOST - 1):
                break
            start += STRIDE
    ranked = {f"q{i}": rng.permutation(list(documents)).tolist() for i in range(4)}
    for folder, texts in (("documents", documents), ("windows", windows)):
        (root / folder).mkdir()
        lines = "".join(f"{name}\t{' '.join(words)}\n" for name, words in texts.items())
        (root / folder / "collection.tsv").write_text(lines)
        queries = "".join(f"q{i}\t{' '.join('hello'[: i + 1])}\n" for i in range(4))
        (root / folder / "queries.dev.tsv").write_text(queries)
    write_run(root / "documents.trec", ranked)
    of = {name: [w for w in windows if w.startswith(f"{name}.")] for name in documents}
    write_run(root / "windows.trec", {q: [w for name in listed for w in of[name]] for q, listed in ranked.items()})
    return root


@pytest.fixture
def config(data, checkpoints, tmp_path):
    return RerankConfig(
        checkpoint=str(checkpoints[1]),
        dataset=str(data / "documents"),
        run=str(data / "documents.trec"),
        output=str(tmp_path / "new.trec"),
        split="dev",
        engine="tensorflow",
        precision="float32",
        window=WINDOW,
        stride=STRIDE,
        windows=MOST,
    )


def raw_of(output):
    """(query, passage) -> raw score and, where there are windows, which was the best."""
    run, raw = read_run(output), np.load(f"{output}.scores.npz")
    queries = np.repeat(run.query_ids, np.diff(run.offsets))
    columns = zip(queries.tolist(), run.passage_ids.tolist(), *(raw[name].tolist() for name in raw.files), strict=True)
    return {(q.decode(), p.decode()): rest for q, p, *rest in columns}


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_document_scores_as_the_best_of_its_windows(config, data, checkpoints, tmp_path, outputs):
    config = replace(config, checkpoint=str(checkpoints[outputs]))
    rerank(config)
    apart = replace(
        config,
        dataset=str(data / "windows"),
        run=str(data / "windows.trec"),
        output=str(tmp_path / "windows.trec"),
        window=None,
        stride=None,
        windows=None,
    )
    rerank(apart)
    expected = {}
    for (query, window), (score,) in raw_of(apart.output).items():
        document, _, number = window.partition(".")
        expected.setdefault((query, document), []).append((int(number), score))
    best = {pair: max(sorted(found), key=lambda item: item[1]) for pair, found in expected.items()}
    assert raw_of(config.output) == {pair: [score, number] for pair, (number, score) in best.items()}
    assert {number for number, _ in best.values()} == {0, 1, 2, 3}
    # By the count of words: 1, 1, 1, 2, 2, 3, 4, 4, and 4 of more.
    assert [len(expected["q0", f"d{i}"]) for i in range(10)] == [1, 1, 1, 2, 2, 3, 4, 4, 4, 4]
    run = read_run(config.output)
    for i in range(4):
        listed = run.passage_ids[slice(*run.offsets[i : i + 2])].tolist()
        scores = [best[f"q{i}", name.decode()][1] for name in listed]
        assert scores == sorted(scores, reverse=True) and len(set(listed)) == 10


def test_what_is_not_scored_has_no_window(config):
    rerank(replace(config, depth=6))
    raw = np.load(f"{config.output}.scores.npz")
    assert raw["windows"].dtype == np.int32 and raw["windows"].shape == (40,)
    assert ((raw["windows"] == -1) == np.isnan(raw["scores"])).all() and (raw["windows"] == -1).sum() == 16


def test_the_first_window_alone_is_the_passage_length(config, checkpoints, tmp_path):
    rerank(replace(config, stride=None, windows=None))
    assert np.load(f"{config.output}.scores.npz").files == ["scores"]
    folder = lengths_of(checkpoints[1], tmp_path / "first", passage=WINDOW)
    other = replace(config, checkpoint=folder, output=config.output + ".2", window=None, stride=None, windows=None)
    rerank(other)
    assert raw_of(config.output) == raw_of(other.output)


def lengths_of(checkpoint, folder, **lengths):
    """A copy of the checkpoint that was trained with other lengths."""
    shutil.copytree(checkpoint, folder)
    about = json.loads((folder / "config.json").read_text())
    about["lce_tf"]["lengths"] |= lengths
    (folder / "config.json").write_text(json.dumps(about))
    return str(folder)


def test_the_checkpoint_s_own_windows_unless_others_are_asked_for(config, checkpoints, tmp_path):
    rerank(config)
    trained = lengths_of(checkpoints[1], tmp_path / "maxp", passage=WINDOW, stride=STRIDE, windows=MOST)
    own = replace(config, checkpoint=trained, output=config.output + ".own", window=None, stride=None, windows=None)
    rerank(own)
    assert raw_of(own.output) == raw_of(config.output)
    manifest = json.loads(module.Path(f"{own.output}.json").read_text())
    assert manifest["lengths"] == {"query": 8, "sequence": 40, "passage": WINDOW, "stride": STRIDE, "windows": MOST}
    assert manifest["pairs"] == 40
    rerank(replace(own, windows=1))
    assert np.load(f"{own.output}.scores.npz").files == ["scores"]


def test_chunks_and_shards_change_nothing(config):
    rerank(config)
    rerank(replace(config, output=f"{config.output}.chunks", chunk=7))
    for index in range(3):
        rerank(replace(config, output=f"{config.output}.whole", shard=Shard(index, 3)))
    merge(f"{config.output}.whole")
    for ending in ("", ".scores.npz"):
        content = {module.Path(f"{config.output}{kind}{ending}").read_bytes() for kind in ("", ".chunks", ".whole")}
        assert len(content) == 1


@pytest.mark.parametrize("change", [{"windows": 3}, {"stride": 4}, {"window": 11}])
def test_unfinished_work_of_other_windows_is_refused(config, monkeypatch, change):
    calls = []

    def stopped(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return score_pairs(*arguments)

    monkeypatch.setattr(module, "score_pairs", stopped)
    with pytest.raises(KeyboardInterrupt):
        rerank(replace(config, chunk=20))
    monkeypatch.undo()
    with pytest.raises(UserError, match="unfinished work of another"):
        rerank(replace(config, chunk=20, **change))
    rerank(replace(config, chunk=20))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": None}, "--windows 4: how long is a window"),
        ({"window": 30}, "--window 30: does not fit into 40 wordpieces beside a query of 8"),
        ({"stride": 13}, "--stride 13: is not from 1 to the --window of 12"),
        ({"windows": 0}, "--windows 0"),
        ({"windows": 1}, "--stride 5: a single window has no stride"),
    ],
)
def test_windows_that_make_no_sense_write_nothing(config, tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        rerank(replace(config, **change))
    assert list(tmp_path.iterdir()) == []


def test_the_best_window_by_hand():
    scores = np.array([1, 3, 3, -2, 0, np.nan, 9], np.float32)
    best, numbers = best_windows(scores, np.array([0, 3, 4, 7]))
    assert best[:2].tolist() == [3, -2] and numbers[:2].tolist() == [1, 0]
    assert np.isnan(best[2])  # which is refused when runs are merged
    assert [part.tolist() for part in best_windows(scores[:0], np.zeros(1, np.int64))] == [[], []]
