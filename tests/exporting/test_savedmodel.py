"""A SavedModel takes strings and gives `Reranker.score`'s scores, in a process without this package."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.pydocs import collection as pydocs
from lce_tf.errors import UserError
from lce_tf.exporting import graph_tokenizer
from lce_tf.exporting.savedmodel import FACTS, export_savedmodel
from lce_tf.model import checkpoint, hub
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.reranker import Reranker
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.tokenizers import WordPieces

DOC = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
QUERIES = (
    "Café CAFÉ Cafe\u0301 naïve Ångström",  # composed, decomposed
    "İstanbul ıssız ẞ straße ﬁn ǅ",  # lower case of several characters, ligatures, title case
    "北京大学 2008年 ｆｕｌｌ－ｗｉｄｔｈ、。",
    "한국어 조선말 \u1112\u1161\u11ab",
    "👩\u200d🚀 is 🚀🔥 at 9️⃣?",
    "שָׁלוֹם מַרְחַבًا \u202eabc\u202c",
    "a\u200bb\u200cc\ufeffd\u00ade\u2060f",  # zero-width, soft hyphen, word joiner
    "tab\there\r\nnul\x00bell\x07del\x7fnel\x85",
    "[CLS] what is [SEP] [PAD]? [MASK][UNK]",
    "x" * 100 + " " + "y" * 101 + " é" * 3 + "é" * 101,
    "हिन्दी ภาษาไทย தமிழ் தொ",
    "ΣΊΣΥΦΟΣ Σίσυφος ΑΣ. Å Ω K ½ ²",  # final sigma; singletons such as the Kelvin sign
    "e\u0301\u0323 e\u0323\u0301 \u1b13\u1b44\u302e\u0323",  # marks in both orders, and ones that take up space
    "“quoted” – dash… ‘it’s’ ¿qué? § † ° € £ ^ ` ~ | = + < >",
    "\ue000private \ufffd \U0010ffff \ufdd0 \u0378",  # private, replacement, no characters, unassigned
    "नमस्ते 你好 привет ЁЖИК ёжик Йод",
    "\u3000ideographic\u2003em\u2028line\u00a0nbsp\u1680ogham",
    "𝒳 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🄰 𠀀𠀁 𐐀",
    "",
    " \n ",
)
PASSAGES = ("plain words", "Ünïcödé [SEP] 東京 " * 30, "", "z\u0336a\u0337l\u0338g\u0339o", "ＡＢＣ，" + "long" * 40)


def unicode_pairs():
    pairs = [(query, passage + query[::-1]) for query in QUERIES for passage in PASSAGES]
    assert len(pairs) == 100
    return pairs


def save(folder, sizes, scoring, lengths, tokenizer):
    from lce_tf.model.cross_encoder import CrossEncoder

    config = EncoderConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                           max_position_embeddings=64, **sizes)  # fmt: skip
    model = CrossEncoder(config, scoring)
    draws = np.random.default_rng(0)
    for variable in model.variables:  # or all scores would be nearly the same
        variable.assign(variable + draws.normal(0, 0.3, variable.shape))
    checkpoint.save(model, folder, tokenizer, lengths, {})
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A checkpoint of random weights with the whole vocabulary of MiniLM, its SavedModel loaded, and its folder."""
    import tensorflow as tf

    root = tmp_path_factory.mktemp("real")
    sizes = {"vocab_size": 30522, "embedding_size": 8}
    folder = save(root / "model", sizes, Scoring(), Lengths(12, 64), hub.locate("minilm"))
    export_savedmodel(folder, root / "served" / "1", "mit")
    return folder, tf.saved_model.load(str(root / "served" / "1")), root / "served" / "1"


def call(loaded, name, pairs):
    import tensorflow as tf

    query, passage = (tf.constant(list(texts), tf.string) for texts in zip(*pairs, strict=True))
    return {name: value.numpy() for name, value in loaded.signatures[name](query=query, passage=passage).items()}


def packed_by_hand(tokenizer, pair, lengths):
    query, passage = tokenizer(pair)
    cls, sep, _ = tokenizer.special
    query = query[: lengths.query]
    return [cls, *query, sep, *passage[: lengths.sequence - 3 - len(query)], sep]


def differing(loaded, tokenizer, pairs, lengths):
    """The number of pairs whose ids differ from the tokenizer's; masks and segments must fit the ids."""
    found = call(loaded, "tokenize", pairs)
    ids, mask, segments = found["input_ids"], found["attention_mask"], found["token_type_ids"]
    sizes, place = mask.sum(axis=1), np.arange(ids.shape[1])
    assert ids.shape[1] == sizes.max() and (mask == (place < sizes[:, None])).all()
    assert (ids[mask == 0] == tokenizer.pad).all() and found["pair"].tolist() == list(range(len(pairs)))
    expected = [packed_by_hand(tokenizer, pair, lengths) for pair in pairs]
    seps = [np.flatnonzero(row == tokenizer.sep)[:2] for row in ids]
    assert all(
        ((place > a) & (place <= b)).tolist() == (row == 1).tolist() for (a, b), row in zip(seps, segments, strict=True)
    )
    return sum(row[:size].tolist() != ids for row, size, ids in zip(ids, sizes, expected, strict=True))


@pytest.mark.slow
def test_real_and_unicode_pairs_have_the_tokenizer_s_ids_and_the_reranker_s_scores(real):
    folder, loaded, _ = real
    tokenizer, reranker = WordPieces(folder), Reranker.load(folder, "tensorflow", "float32")
    texts = pydocs.select(pydocs.read_pairs(["scikit-learn", "pandas", "scipy", "matplotlib"]))[:2000]
    assert len(texts) == 2000
    pairs = [(pair.query, pair.passage) for pair in texts] + unicode_pairs()
    others = 0
    for start in range(0, len(pairs), 300):
        batch = pairs[start : start + 300]
        others += differing(loaded, tokenizer, batch, reranker.lengths)
        expected, scores = reranker.score(batch), call(loaded, "serving_default", batch)["score"]
        assert scores.dtype == np.float32 and expected.std() > 0.1
        np.testing.assert_allclose(scores, expected, atol=1e-5, rtol=0)
    published = re.search(r"([\d,]+) of ([\d,]+) pairs have other\s+ids", DOC)
    assert (f"{others:,}", f"{len(pairs):,}") == published.groups()


@pytest.mark.slow
def test_a_process_of_its_own_needs_tensorflow_and_its_text_operations_only(real, tmp_path):
    folder, _, served = real
    pairs = unicode_pairs()[::7]
    (tmp_path / "pairs.json").write_text(json.dumps(list(zip(*pairs, strict=True))))
    program = (
        "import json, sys, tensorflow as tf, tensorflow_text\n"
        f"model = tf.saved_model.load({str(served)!r})\n"
        "query, passage = json.load(open('pairs.json'))\n"
        "out = model.signatures['serving_default'](query=tf.constant(query), passage=tf.constant(passage))\n"
        "assert not {'lce_tf', 'tf_keras', 'transformers', 'tokenizers'} & set(sys.modules)\n"
        "print(json.dumps(out['score'].numpy().tolist()))\n"
    )
    command = [sys.executable, "-c", program]
    ours = ("PYTHONPATH", "TF_USE_LEGACY_KERAS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = Reranker.load(folder, "tensorflow", "float32").score(pairs)
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_what_is_refused_at_run_time_and_what_is_not(real):
    import tensorflow as tf

    score = real[1].signatures["serving_default"]
    none = tf.constant([], tf.string)
    assert score(query=none, passage=none)["score"].shape == [0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="query and passage must be of the same length"):
        score(query=tf.constant(["a"]), passage=tf.constant(["a", "b"]))
    # Bytes that are no UTF-8 count as U+FFFD, which is taken out.
    broken, whole = (score(query=tf.constant([t]), passage=tf.constant([t]))["score"] for t in (b"a\xffb", b"ab"))
    assert broken == whole


@pytest.mark.slow
def test_what_the_folder_says(real):
    folder, _, served = real
    about = json.loads((served / FACTS).read_text())
    assert about["license"] == "mit" and about["lengths"] == {"query": 12, "sequence": 64, "passage": None}
    assert about["checkpoint"] == checkpoint.identity(folder) and about["activation"] == "identity"
    assert about["texts_tokenised_alike"] > 200
    assert not [file for file in served.parent.iterdir() if file.name.startswith(".")]


@pytest.fixture
def letters(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]) + "\n")
    return tmp_path


SIZES = {"vocab_size": 11, "embedding_size": 16}
# Windows, two logits, half precision and segments of padding at once; and a public model's sigmoid.
VARIANTS = {
    "windows": (SIZES, Scoring(2, padding_segment=1, dtype="float16"), Lengths(4, 24, passage=8, stride=3, windows=3)),
    "passage limit": ({**SIZES, "model_type": "bert"}, Scoring(1, "pooler", activation="sigmoid"), Lengths(4, 24, 6)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_windows_logits_dtypes_and_activations(letters, name):
    import tensorflow as tf

    folder = save(letters / "model", *VARIANTS[name], letters)
    loaded = tf.saved_model.load(str(export_savedmodel(folder, letters / "out")))
    draws = np.random.default_rng(1)
    texts = [" ".join(draws.choice(list("abcdefg"), size)) for size in draws.integers(0, 30, 60)]
    pairs = list(zip(texts, texts[::-1], strict=True))
    expected = Reranker.load(folder, "tensorflow", "float32").score(pairs)
    # A score next to the middle of two half-precision numbers may fall on either side.
    atol = 2e-3 if name == "windows" else 1e-5
    found = call(loaded, "serving_default", pairs)["score"]
    np.testing.assert_allclose(found, expected, atol=atol, rtol=0)
    assert (np.abs(found - expected) < 1e-5).mean() > 0.95 and expected.std() > 0.01
    counts = np.bincount(call(loaded, "tokenize", pairs)["pair"])
    if name == "windows":
        sizes = [len(passage.split()) for _, passage in pairs]
        assert counts.tolist() == [1 if n <= 8 else 2 if n <= 11 else 3 for n in sizes]
    else:
        assert (counts == 1).all() and 0 < expected.min() and expected.max() < 1


def test_ids_that_differ_stop_the_export(letters, monkeypatch):
    def as_they_are(tokenizer):
        return np.arange(0x110000, dtype=np.int32), np.arange(0x110001, dtype=np.int32)

    monkeypatch.setattr(graph_tokenizer, "spellings", as_they_are)
    folder = save(letters / "model", SIZES, Scoring(), Lengths(4, 24), letters)
    with pytest.raises(UserError, match="model: its tokenizer gives other ids in a graph, for"):
        export_savedmodel(folder, letters / "out")
    assert not (letters / "out").exists()


def test_an_interrupted_export_leaves_nothing(letters, monkeypatch):
    import tensorflow as tf

    def stopped(module, path, signatures):
        (Path(path) / "saved_model.pb").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(tf.saved_model, "save", stopped)
    monkeypatch.setattr(graph_tokenizer, "compared", lambda *_: 0)
    monkeypatch.setattr(graph_tokenizer, "spellings", lambda _: (np.zeros(0, np.int32), np.zeros(1, np.int32)))
    folder = save(letters / "model", SIZES, Scoring(), Lengths(4, 24), letters)
    with pytest.raises(KeyboardInterrupt):
        export_savedmodel(folder, letters / "out")
    assert sorted(file.name for file in letters.iterdir()) == ["model", "vocab.txt"]
