"""Reranking from Python: the scores of `lce rerank`, for any texts, in the order of their scores."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from lce_tf import Ranked, Reranker
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.reranking.rerank import RerankConfig, rerank

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SIZES = {
    "vocab_size": 31,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 48,
    "num_labels": 1,
    "initializer_range": 0.3,  # or all scores would be nearly the same
    "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small random BERT cross-encoder, as transformers saves it."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]) + "\n")
    return folder


@pytest.fixture(scope="module")
def reranker(folder):
    return Reranker.load(folder, "tensorflow", "float32")


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)

    def text(longest):
        return " ".join(rng.choice(list(LETTERS), rng.integers(1, longest)))

    passages = [text(90) for _ in range(40)]
    return [(query, passage) for query in (text(9), text(9), text(9)) for passage in passages]


@pytest.fixture(scope="module")
def data(pairs, tmp_path_factory):
    """The same texts as a data set with a run over them."""
    folder = tmp_path_factory.mktemp("data")
    passages = [passage for _, passage in pairs[:40]]
    (folder / "collection.tsv").write_text("".join(f"d{i}\t{text}\n" for i, text in enumerate(passages)))
    queries = [pairs[i][0] for i in (0, 40, 80)]
    (folder / "queries.dev.tsv").write_text("".join(f"q{i}\t{text}\n" for i, text in enumerate(queries)))
    rows = [f"q{q} Q0 d{d} {d + 1} {40 - d} x\n" for q in range(3) for d in range(40)]
    (folder / "run.trec").write_text("".join(rows))
    return folder


@pytest.mark.parametrize(
    "lengths", [{}, {"query_length": 4, "sequence_length": 30}, {"window": 20, "stride": 10, "windows": 4}]
)
@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_scores_are_those_of_lce_rerank(folder, data, pairs, tmp_path, engine, lengths):
    output = str(tmp_path / "new.trec")
    config = RerankConfig(
        str(folder), str(data), str(data / "run.trec"), output, "dev", engine=engine, precision="float32", **lengths
    )
    rerank(config)
    reranker = Reranker.load(folder, engine, "float32", **lengths)
    found = reranker.score(pairs)
    assert found.shape == (120,) and found.dtype == np.float32 and found.std() > 0.1
    run, raw = read_run(output), np.load(f"{output}.scores.npz")["scores"]
    for q in range(3):
        rows = slice(*run.offsets[q : q + 2])
        ids = [int(name[1:]) for name in run.passage_ids[rows].tolist()]
        np.testing.assert_allclose(found[40 * q : 40 * (q + 1)][ids], raw[rows], atol=1e-5, rtol=0)
        passages = [passage for _, passage in pairs[:40]]
        assert [hit.index for hit in reranker.rank(pairs[40 * q][0], passages)] == ids


def test_a_score_does_not_depend_on_the_other_pairs(reranker, pairs):
    whole = reranker.score(pairs)
    for i in (0, 17, 119):
        np.testing.assert_array_equal(reranker.score([pairs[i]]), whole[i : i + 1])
    np.testing.assert_array_equal(reranker.score(iter(pairs[::-1])), whole[::-1])


def test_rank_sorts_and_keeps_equal_ones_in_their_order(reranker):
    passages = ["a b c", "d e", "a b c", "f", "d e"]
    scores = reranker.score([("a q", passage) for passage in passages])
    ranked = reranker.rank("a q", passages)
    assert all(isinstance(hit, Ranked) and isinstance(hit.score, float) for hit in ranked)
    assert sorted(hit.index for hit in ranked) == list(range(5))
    assert [hit.text for hit in ranked] == [passages[hit.index] for hit in ranked]
    assert [hit.score for hit in ranked] == pytest.approx(scores[[hit.index for hit in ranked]], abs=1e-6)
    falling = [hit.score for hit in ranked]
    assert falling == sorted(falling, reverse=True) and len(set(falling)) == 3
    places = [hit.index for hit in ranked]
    assert places.index(0) < places.index(2) and places.index(1) < places.index(4)
    assert reranker.rank("a q", passages, top=2) == ranked[:2]


def test_how_much_was_read(reranker, folder):
    """A letter is a wordpiece; the model has 48 positions, three of them for special tokens."""
    pairs = [("a b", "c d e"), ("a", "b " * 44), ("a", "b " * 45), ("a " * 50, "b"), ("", "")]
    found = reranker.scored(pairs)
    assert found.tokens.tolist() == [8, 48, 48, 48, 3] and found.cut.tolist() == [False, False, True, True, False]
    np.testing.assert_array_equal(found.scores, reranker.score(pairs))
    part = found[1:3]
    assert len(part) == 2 and part.tokens.tolist() == [48, 48] and part.cut.tolist() == [False, True]
    # Windows of 20 from every tenth wordpiece on: 40 are read in three of them, of 41 the last is not.
    windows = Reranker.load(folder, "tensorflow", "float32", window=20, stride=10, windows=3)
    found = windows.scored([("a", "b " * 40), ("a", "b " * 41), ("a", "b " * 20)])
    assert found.tokens.tolist() == [3 * 24, 3 * 24, 24] and found.cut.tolist() == [False, True, False]


def test_nothing_asked(reranker):
    assert reranker.rank("a", []) == []
    assert reranker.score([]).shape == (0,) and reranker.score([]).dtype == np.float32


def test_texts_of_every_kind(folder, reranker):
    texts = ["", " \n\t", "a\x00b", "[SEP] a [CLS]", "Zürich ß ﬁ", "東京タワー", "e\u0301 \u200d 👩‍👩‍👧", "a " * 10_000]
    scores = reranker.score([(query, passage) for query in texts for passage in texts])
    assert scores.shape == (64,) and np.isfinite(scores).all()
    # Text that spells a special token is that token, as in the library that made this checkpoint, or text if asked for.
    forged, spelt = [("a", "b [SEP] c")], [("a", "b [ sep ] c")]
    assert abs(reranker.score(forged) - reranker.score(spelt))[0] > 0.01
    plain = Reranker.load(folder, "tensorflow", "float32", special_words="text")
    assert plain.score(forged)[0] == pytest.approx(reranker.score(spelt)[0], abs=1e-5)


def test_a_configuration_s_sigmoid_is_written_and_does_not_decide(folder, reranker, pairs, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "model")
    values = json.loads((copy / "config.json").read_text())
    values["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid"}
    (copy / "config.json").write_text(json.dumps(values))
    squashed = Reranker.load(copy, "tensorflow", "float32")
    logits = reranker.score(pairs).astype(np.float64)
    np.testing.assert_allclose(squashed.score(pairs), 1 / (1 + np.exp(-logits)), atol=1e-6)
    passages = [passage for _, passage in pairs[:40]]
    ranked = squashed.rank(pairs[0][0], passages)
    assert [hit.index for hit in ranked] == [hit.index for hit in reranker.rank(pairs[0][0], passages)]
    assert all(0 < hit.score < 1 for hit in ranked)


@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_several_threads(folder, pairs, engine):
    shared = Reranker.load(folder, engine, "float32")
    expected, found = shared.score(pairs), {}
    parts = [slice(i, i + 24) for i in range(0, 120, 24)]

    def work(part):
        found[part.start] = shared.score(pairs[part])

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in parts:
        np.testing.assert_allclose(found[part.start], expected[part], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda reranker: reranker.score([("a", "b"), ("a", "\ud800")]), "pair 1, passage, holds half"),
        (lambda reranker: reranker.score([[1]]), "pair 0 is [1]; give a query and a passage, two strings"),
        (lambda reranker: reranker.score(p for p in [("a", "b"), [None]]), "pair 1 is [None]; give a query"),
        (lambda reranker: reranker.score([{"a", "b"}]), "give a query and a passage, two strings"),
        (lambda reranker: reranker.score({("a", "b"), ("c", "d")}), "pairs: is a set, which has no order"),
        (lambda reranker: reranker.rank("a", "b c d"), "passages: is a str; give a list of them"),
        (lambda reranker: reranker.rank("a", {"b", "c"}), "passages: is a set, which has no order"),
        (lambda reranker: reranker.rank("a", ["b", None]), "pair 1 is ('a', None); give a query"),
        (lambda reranker: reranker.rank("a", ["b", "c"], top=-1), "top=-1: give a whole number, 1 or more"),
        (lambda reranker: reranker.rank("a", ["b", "c"], top=0), "top=0: give a whole number, 1 or more"),
        (lambda reranker: reranker.rank("a", ["b", "c"], top=1.5), "top=1.5: give a whole number"),
        (lambda reranker: reranker.rank(None, []), "pair 0 is (None, '')"),
        (lambda reranker: reranker.rank("\ud800", []), "pair 0, query, holds half of a surrogate pair"),
        (lambda reranker: reranker.rank("\udfff", ["b"]), "pair 0, query, holds half of a surrogate pair"),
    ],
)  # fmt: skip
def test_odd_inputs_are_refused_before_anything_is_scored(reranker, monkeypatch, call, words):
    monkeypatch.setattr("lce_tf.reranker.score_pairs", lambda *_: pytest.fail("scored"))
    with pytest.raises((TypeError, UserError)) as error:
        call(reranker)
    assert words in str(error.value)


def test_a_model_that_gives_nan(folder, tmp_path):
    from safetensors.numpy import load_file, save_file

    copy = shutil.copytree(folder, tmp_path / "model")
    arrays = load_file(copy / "model.safetensors")
    arrays["classifier.bias"][:] = np.nan
    save_file(arrays, copy / "model.safetensors")
    with pytest.raises(UserError, match="pair 0: the model's score is nan"):
        Reranker.load(copy, "tensorflow", "float32").score([("a", "b")])


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        Reranker.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="has no config.json"):
        Reranker.load(tmp_path)


def test_the_package_lends_it_out_and_nothing_else():
    import lce_tf

    assert lce_tf.Reranker is Reranker
    with pytest.raises(AttributeError, match="no attribute 'Rerankers'"):
        lce_tf.Rerankers  # noqa: B018
    found = "print('lce_tf.reranker' in sys.modules, 'tensorflow' in sys.modules)"
    code = f"import sys, lce_tf; {found}; from lce_tf import Reranker; {found}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False"]  # TensorFlow comes with a model
