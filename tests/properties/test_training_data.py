"""Token stores, packing and grouping: as plain Python would have it, for any texts, lists and settings."""

import os
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.groups.pool import PoolConfig, build_pool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.windows import expanded
from tests.properties.damage import damaged
from tests.properties.fuzz import fuzzed

CLS, SEP, PAD = 101, 102, 0
IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=20)
PIECES = st.lists(st.integers(1000, 65535), max_size=14)


class Letters:
    """A tokenizer whose ids are the text's code points."""

    def __init__(self, size):
        self.key, self.size = "letters", size

    def __call__(self, texts):
        return [[ord(letter) for letter in text] for text in texts]


@fuzzed(
    40,
    texts=st.dictionaries(IDS, st.text(st.characters(max_codepoint=0xFFFF, codec="utf-8"), max_size=9), max_size=9),
    others=st.lists(IDS, max_size=4),
    size=st.sampled_from([1 << 16, 1 << 20]),
)
def test_a_store_finds_what_was_put_in(texts, others, size):
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, {"LCE_CACHE": cache}):
        store = TokenStore.build(texts.items(), Letters(size), "k", "passages")
        wanted = [*texts, *others]
        rows = store.rows(np.array([name.encode() for name in wanted] or np.zeros(0, "S1")))
        places = {name: place for place, name in enumerate(texts)}
        assert rows.tolist() == [places.get(name, -1) for name in wanted]
        for row, text in enumerate(texts.values()):
            assert store.tokens[store.offsets[row] : store.offsets[row + 1]].tolist() == list(map(ord, text))
        again = TokenStore.build(iter(()), Letters(size), "k", "passages")
        assert again.tokens.tolist() == store.tokens.tolist() and again.offsets.tolist() == store.offsets.tolist()


STORE_FILES = ("store.json", "text_ids.npy", "offsets.npy", "tokens.npy")


@fuzzed(60, name=st.sampled_from(STORE_FILES), data=st.data())
def test_a_damaged_store_is_opened_or_refused(name, data):
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, {"LCE_CACHE": cache}):
        TokenStore.build([("a", "xyz"), ("b", "")], Letters(1 << 16), "k", "passages")
        [folder] = Path(cache, "tokens").iterdir()
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(data.draw(st.one_of(damaged(st.just(whole)), st.binary(max_size=60))))
        try:
            store = TokenStore.open(folder)
        except UserError as error:
            assert str(folder) in str(error) and "\n" not in str(error)
        else:
            assert len(store) == len(store.offsets) - 1


def store_of(texts):
    names = np.array([f"{i:03}".encode() for i in range(len(texts))])
    flat = np.array([token for text in texts for token in text], np.uint16)
    return TokenStore(names, np.cumsum([0, *map(len, texts)]), flat)


def windows_of(passage, window, stride, most):
    """The windows of a passage by a plain loop: each begins `stride` on, until one reaches the end."""
    found, start = [], 0
    while len(found) < most:
        found.append(passage[start : start + window])
        if start + window >= len(passage):
            break
        start += stride
    return found


@fuzzed(
    80,
    queries=st.lists(PIECES, min_size=1, max_size=3),
    passages=st.lists(PIECES, min_size=1, max_size=3),
    query=st.integers(1, 8),
    window=st.integers(1, 8),
    stride=st.integers(1, 8),
    most=st.integers(1, 4),
    multiple=st.sampled_from([1, 4, 16]),
)
def test_packing_as_a_plain_loop_would(queries, passages, query, window, stride, most, multiple):
    stride = min(stride, window)
    sequence = query + window + 3
    windows = {"stride": stride, "windows": most} if most > 1 else {}
    lengths = Lengths(query, sequence, window, **windows)
    packer = Packer(store_of(queries), store_of(passages), (CLS, SEP, PAD), lengths)
    pairs = [(q, p) for q in range(len(queries)) for p in range(len(passages))]
    columns = [np.array(column, np.int64) for column in zip(*pairs, strict=True)]
    windowed = expanded(packer, *columns)
    expected, bounds = [], [0]
    for q, p in pairs:
        kept = queries[q][:query]
        expected += [[CLS, *kept, SEP, *part, SEP] for part in windows_of(passages[p], window, stride, most)]
        bounds.append(len(expected))
    assert windowed.offsets.tolist() == bounds
    packed = packer.pack(windowed.query_rows, windowed.passage_rows, multiple)
    width = min(-(-max(map(len, expected)) // multiple) * multiple, sequence)
    assert packed.input_ids.tolist() == [row + [PAD] * (width - len(row)) for row in expected]
    assert packed.lengths.tolist() == [len(row) for row in expected]
    assert packed.type_0_lengths.tolist() == [row.index(SEP) + 1 for row in expected]


@st.composite
def training_data(draw):
    """A run, judgments and a pool's settings over ten passages and four queries."""
    passages = [f"p{number}" for number in range(10)]
    queries = [f"q{number}" for number in range(4)]
    ranked = st.lists(st.sampled_from([*passages, "gone"]), unique=True, max_size=10)
    lists = {name: draw(ranked) for name in queries}
    judged = st.dictionaries(st.sampled_from([*passages, "gone"]), st.integers(0, 2), max_size=5)
    qrels = {name: draw(judged) for name in draw(st.lists(st.sampled_from([*queries, "q9"]), unique=True))}
    config = {
        "group": draw(st.integers(2, 5)),
        "depth": draw(st.integers(4, 10)),
        "short_lists": draw(st.sampled_from(["skip", "replace"])),
        "positives": draw(st.sampled_from(["judged", "run"])),
    }
    return lists, qrels, config


@fuzzed(80, data=training_data(), seed=st.integers(0, 1 << 60), start=st.integers(0, 99), replacement=st.booleans())
def test_groups_keep_their_promises(data, seed, start, replacement):
    lists, qrels, settings = data
    config = PoolConfig(**settings)
    names = [f"p{number}" for number in range(10)]
    run = Run.build(
        list(lists),
        np.cumsum([0, *map(len, lists.values())]),
        [name for found in lists.values() for name in found],
        [-rank for found in lists.values() for rank in range(len(found))],
    )
    queries = TokenStore(np.array([name.encode() for name in lists]), np.zeros(5, np.int64), np.zeros(0, np.uint16))
    passages = TokenStore(np.array([name.encode() for name in names]), np.zeros(11, np.int64), np.zeros(0, np.uint16))
    top = {name: found[: config.depth] for name, found in lists.items()}
    good = {name: {p for p, grade in found.items() if grade > 0} for name, found in qrels.items()}
    positives = {
        name: {p for p in found if p in names and (config.positives == "judged" or p in top.get(name, ()))}
        for name, found in good.items()
    }
    negatives = {name: [p for p in top[name] if p in names and p not in good[name]] for name in good if name in lists}
    need = config.group - 1 if config.short_lists == "skip" else 1
    usable = {name for name in negatives if lists[name] and positives[name] and len(negatives[name]) >= need}
    try:
        pool = build_pool(run, qrels, queries, passages, config)
    except UserError as error:
        assert not usable and "\n" not in str(error)
        return
    sampler = GroupSampler(pool, config.group, seed, replacement=replacement)
    count = 3 * len(usable)
    dealt = sampler.at(np.arange(start, start + count))
    asked = [list(lists)[row] for row in dealt.query_rows.tolist()]
    assert set(asked) <= usable and len(pool) == len(usable)
    for place in range(-(-start // len(usable)) * len(usable) - start, count - len(usable) + 1, len(usable)):
        assert set(asked[place : place + len(usable)]) == usable  # an epoch has every query once
    for name, (positive, *others) in zip(asked, dealt.passage_rows.tolist(), strict=True):
        drawn = [names[row] for row in others]
        assert names[positive] in positives[name] and set(drawn) <= set(negatives[name])
        if not replacement and len(negatives[name]) >= len(drawn):
            assert len(set(drawn)) == len(drawn)
    # Any part of the sequence, dealt alone, is that part of it: what a restart or another worker relies on.
    part = GroupSampler(pool, config.group, seed, replacement=replacement).at(np.arange(start + 1, start + count))
    assert (part.passage_rows == dealt.passage_rows[1:]).all() and (part.query_rows == dealt.query_rows[1:]).all()
