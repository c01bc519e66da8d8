"""Token stores: built once, whole or not at all, and ids found whatever their width."""

import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.data import lookup
from lce_tf.errors import UserError
from lce_tf.tokens import store as tokens
from lce_tf.tokens.store import TokenStore, content_key


class Letters:
    """A tokenizer whose ids are the text's code points."""

    def __init__(self, key="letters", size=30522):
        self.key, self.size, self.calls = key, size, 0

    def __call__(self, texts):
        self.calls += 1
        return [[ord(letter) for letter in text] for text in texts]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path))
    return tmp_path / "tokens"


def built(texts, tokenizer=None, key="k", kind="passages"):
    return TokenStore.build(iter(texts), tokenizer or Letters(), key, kind)


def content(store):
    bounds = store.offsets.tolist()
    return {
        i.decode(): store.tokens[a:b].tolist()
        for i, a, b in zip(store.text_ids.tolist(), bounds, bounds[1:], strict=False)
    }


def test_texts_become_flat_ids(cache):
    store = built([("d2", "abc"), ("d10", ""), ("a", "z")])
    assert len(store) == 3 and store.text_ids.tolist() == [b"d2", b"d10", b"a"]
    assert store.offsets.tolist() == [0, 3, 3, 4] and store.offsets.dtype == np.int64
    assert store.tokens.tolist() == [97, 98, 99, 122] and store.tokens.dtype == np.uint16
    assert store.rows(np.array([b"a", b"d10", b"d2", b"d1"])).tolist() == [2, 1, 0, -1]
    assert store.lengths(np.array([2, 0, 1, 0])).tolist() == [1, 3, 0, 3]


def test_it_is_mapped_not_read(cache):
    assert isinstance(built([("a", "xyz")]).tokens, np.memmap)


def test_another_process_maps_the_same_files(cache, monkeypatch):
    store = TokenStore.build(iter([("a", "x" * 100_000)]), Letters(), "k", "passages")
    sent = pickle.dumps(store)
    monkeypatch.chdir("/")
    again = pickle.loads(sent)
    assert len(sent) < 1000 and isinstance(again.tokens, np.memmap) and again.folder == store.folder
    assert content(again) == content(store) and again.key == store.key
    held = pickle.loads(pickle.dumps(TokenStore(store.text_ids[:], store.offsets[:], np.array(store.tokens), "key")))
    assert content(held) == content(store) and (held.key, held.folder) == ("key", None)


def test_it_is_built_once(cache):
    tokenizer = Letters()
    first = built([("a", "x")], tokenizer)

    def texts():
        raise AssertionError("read again")
        yield

    second = TokenStore.build(texts(), tokenizer, "k", "passages")
    assert tokenizer.calls == 1 and content(first) == content(second) == {"a": [120]}


@pytest.mark.parametrize("change", [{"key": "other"}, {"kind": "queries"}, {"tokenizer": Letters("other")}])
def test_another_collection_kind_or_tokenizer_has_a_store_of_its_own(cache, change):
    first, second = built([("a", "x")]), built([("b", "y")], **change)
    assert content(second) == {"b": [121]} and content(built([])) == {"a": [120]}
    assert first.key != second.key


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, UserError])
def test_an_interrupted_build_leaves_nothing(cache, monkeypatch, fault):
    monkeypatch.setattr(tokens, "BLOCK", 2)

    def texts():
        yield from [("a", "x"), ("b", "y"), ("c", "z")]
        raise fault("in the middle")

    with pytest.raises(fault):
        built(texts())
    assert list(cache.iterdir()) == []
    assert content(built([("a", "x")])) == {"a": [120]}


def test_blocks_of_any_size_give_the_same_store(cache, monkeypatch):
    texts = [(f"{'long' * (i % 3)}{i}", "x" * (i % 5)) for i in range(20)]
    whole = built(texts)
    for size in (1, 3, 20):
        monkeypatch.setattr(tokens, "BLOCK", size)
        parts = built(texts, key=f"k{size}")
        assert content(parts) == content(whole) and parts.text_ids.dtype == whole.text_ids.dtype


def test_an_empty_store(cache):
    for store in (built([]), built([])):
        assert len(store) == 0 and store.offsets.tolist() == [0]
        assert store.rows(np.array([b"a", b"b"])).tolist() == [-1, -1]
        assert store.rows(np.zeros(0, "S1")).tolist() == []


def test_a_store_of_empty_texts(cache):
    store = built([("a", ""), ("b", "")])
    assert store.lengths(np.array([0, 1])).tolist() == [0, 0] and store.tokens.size == 0


def test_large_vocabularies_take_four_bytes(cache):
    store = built([("a", "x\U00010fff")], Letters(size=70000))
    assert store.tokens.dtype == np.int32 and store.tokens.tolist() == [120, 0x10FFF]
    assert built([("a", "\uffff")], Letters(size=1 << 16), key="l").tokens.dtype == np.uint16


def test_an_id_outside_the_vocabulary_is_not_wrapped(cache):
    with pytest.raises(OverflowError):
        built([("a", "\U00010fff")], Letters(size=30522))
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("asked", [b"abcdef", b"abcd", b"ab", b"abcc", b"", b"\xff" * 20, b"ABC", b"0abc"])
def test_ids_of_other_widths_are_not_cut_to_the_store_s(cache, asked):
    store = built([("abc", "x"), ("zzz", "y"), ("aaa", "z")])
    assert store.rows(np.array([asked])).tolist() == [-1]
    assert store.rows(np.array([asked, b"abc"])).tolist() == [-1, 0]
    assert store.rows(np.array([asked, b"abc"], object).astype("S30")).tolist() == [-1, 0]


def test_ids_beyond_ascii_and_with_leading_zeros(cache):
    ids = ["é", "e", "日本", "007", "7", "😀", "שלום", "É"]
    store = built([(i, str(n)) for n, i in enumerate(ids)])
    assert store.rows(np.array([i.encode() for i in ids])).tolist() == list(range(8))
    assert store.rows(np.array([i.encode() for i in ("07", "ё", "日")])).tolist() == [-1, -1, -1]


@given(
    known=st.lists(st.text("ab1é", min_size=1, max_size=4), unique=True, max_size=12),
    asked=st.lists(st.text("ab1é", min_size=1, max_size=7), max_size=20),
    part=st.integers(1, 7),
)
@settings(max_examples=60, deadline=None)
def test_rows_against_a_dictionary(known, asked, part):
    names = np.array([i.encode() for i in known]) if known else np.zeros(0, "S1")
    store = TokenStore(names, np.zeros(len(known) + 1, np.int64), np.zeros(0, np.uint16))
    row_of = {name: row for row, name in enumerate(known)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "LOOK_UP", part)
        found = store.rows(np.array([i.encode() for i in asked]))
    assert found.tolist() == [row_of.get(i, -1) for i in asked] and found.dtype == np.int64


def tear_short(folder):
    data = (folder / "tokens.npy").read_bytes()
    (folder / "tokens.npy").write_bytes(data[:-2])


def tear_json(folder):
    (folder / "store.json").write_text("{")


def tear_keys(folder):
    (folder / "store.json").write_text("[]")


def tear_count(folder):
    (folder / "store.json").write_text(json.dumps({"texts": 9, "tokens": 3}))


def tear_offsets(folder):
    np.save(folder / "offsets.npy", np.array([0, 3]))


def tear_empty(folder):
    (folder / "text_ids.npy").write_bytes(b"")


def tear_pickle(folder):
    np.save(folder / "text_ids.npy", np.array(["a", None], object), allow_pickle=True)


def tear_missing(folder):
    (folder / "offsets.npy").unlink()


def tear_no_record(folder):
    (folder / "store.json").unlink()


TEARS = [
    *(tear_short, tear_json, tear_keys, tear_count, tear_offsets),
    *(tear_empty, tear_pickle, tear_missing, tear_no_record),
]


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_store_is_refused_and_says_what_to_do(cache, tear):
    built([("a", "xy"), ("b", "z")])
    (folder,) = cache.iterdir()
    tear(folder)
    with pytest.raises(UserError, match="torn") as error:
        built([("a", "xy"), ("b", "z")])
    assert str(folder) in str(error.value) and "delete the folder" in str(error.value)
    shutil.rmtree(folder)
    assert content(built([("a", "xy"), ("b", "z")])) == {"a": [120, 121], "b": [122]}


def test_a_store_that_another_process_finished_first_is_kept(cache):
    def texts():
        yield ("a", "x")
        built([("a", "x"), ("b", "y")])  # meanwhile, elsewhere

    assert content(built(texts())) == {"a": [120], "b": [121]}


def test_content_key_changes_with_any_id_text_or_order():
    texts = [
        {"a": "x", "b": "y"},
        {"b": "y", "a": "x"},
        {"a": "x", "b": "z"},
        {"a": "x", "c": "y"},
        {"a": "x"},
        {"a": "x\nb\ty"},
        {"a\tx\nb": "y"},
        {},
    ]
    keys = [content_key(part) for part in texts]
    assert len(set(keys)) == len(keys) and all(len(key) == 16 for key in keys)
    assert content_key({"a": "x", "b": "y"}) == keys[0]
