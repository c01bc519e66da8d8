"""Wordpieces: text is text whatever it spells, nothing is cut, and the key names the vocabulary."""

import subprocess
import sys

import pytest

from lce_tf.errors import UserError
from lce_tf.model import hub
from lce_tf.tokens.tokenizers import WordPieces

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def minilm():
    return WordPieces(hub.locate("minilm"))


def folder_with(path, *words, config='{"model_type": "electra"}'):
    path.mkdir(parents=True, exist_ok=True)
    (path / "vocab.txt").write_text("\n".join([*SPECIAL, *words]) + "\n", encoding="utf-8")
    (path / "config.json").write_text(config)
    return path


def test_known_ids_of_the_packaged_vocabulary(minilm):
    # hello 7592, world 2088, [CLS] 101, [SEP] 102, [PAD] 0: lines of BERT's uncased vocabulary
    assert minilm(["Hello world", "world"]) == [[7592, 2088], [2088]]
    assert minilm.special == (101, 102, 0) and minilm.size == 30522


@pytest.mark.parametrize("literal", ["[SEP]", "[CLS]", "[PAD]", "[MASK]", "[UNK]", "a[SEP]b", "[SEP] [SEP]"])
def test_text_that_spells_a_special_token_is_text(minilm, literal):
    (ids,) = minilm([f"hello {literal} world"])
    assert not set(ids) & {101, 102, 0, 103}
    assert len(ids) >= 5  # the brackets and letters are there, as pieces of their own


def test_a_vocabulary_file_alone_also_takes_special_tokens_as_text(tmp_path):
    pieces = WordPieces(folder_with(tmp_path, "[", "]", "sep", "a"))
    assert pieces.special == (2, 3, 0) and pieces.size == 9
    assert pieces(["a [SEP] A zz"]) == [[8, 5, 7, 6, 8, 1]]


def test_nothing_is_cut_or_padded(minilm):
    # The packaged tokenizer.json asks for truncation to 128.
    assert [len(ids) for ids in minilm(["passage " * 1000, "passage", ""])] == [1000, 1, 0]


def test_a_text_of_a_megabyte(minilm):
    (ids,) = minilm(["passage " * 131072])
    assert ids == minilm(["passage"])[0] * 131072
    assert minilm(["x" * (1 << 20)]) == [[100]]  # a word longer than 100 letters is unknown, not an error


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u200b", "\ufeff", "\u00ad"])
def test_text_without_anything_has_no_pieces(minilm, text):
    assert minilm([text]) == [[]]


def test_no_texts_at_all(minilm):
    assert minilm([]) == []


@pytest.mark.parametrize("text", ["naïve café", "😀 👩‍👩‍👧", "שלום עולם", "مرحبا", "日本語", "\u2028", "e\u0301"])
def test_text_of_any_script_gives_ids_of_the_vocabulary(minilm, text):
    (ids,) = minilm([text])
    assert all(0 <= i < minilm.size for i in ids) and not set(ids) & {101, 102, 0}


def test_accents_and_case_fold(minilm):
    assert minilm(["Café"]) == minilm(["cafe"]) == minilm(["CAFE\u0301"])


def test_order_and_batching_do_not_matter(minilm):
    texts = ["one", "two words", "", "three little words", "😀"]
    assert minilm(texts) == [minilm([text])[0] for text in texts]
    assert minilm(texts[::-1]) == minilm(texts)[::-1]


def test_the_key_names_the_vocabulary(tmp_path):
    one, same = (WordPieces(folder_with(tmp_path / name, "a", "b")) for name in ("one", "same"))
    other, swapped = WordPieces(folder_with(tmp_path / "o", "a")), WordPieces(folder_with(tmp_path / "s", "b", "a"))
    assert one.key == same.key and len({one.key, other.key, swapped.key}) == 3


def test_the_key_is_the_same_in_another_process(tmp_path):
    folder = folder_with(tmp_path, *"abcdefgh")
    code = "import sys; from lce_tf.tokens.tokenizers import WordPieces; print(WordPieces(sys.argv[1]).key)"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == WordPieces(folder).key


def test_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "electra"}')
    with pytest.raises(UserError, match="has no tokenizer; expected tokenizer.json or vocab.txt"):
        WordPieces(tmp_path)
    with pytest.raises(UserError, match="nowhere: has no tokenizer"):
        WordPieces(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tokenizer.json", b""),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b'{"added_tokens": ['),
        ("tokenizer.json", b"\xff\xfe"),
        ("vocab.txt", b"\xff\xfe\n[PAD]\n"),
    ],
)
def test_damaged_tokenizers_are_refused_in_one_line(tmp_path, name, data):
    folder_with(tmp_path)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=f"its tokenizer cannot be loaded from.* {name}|loaded from {name}") as error:
        WordPieces(tmp_path)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_vocabulary_that_fails_at_unknown_words_is_refused(tmp_path):
    folder_with(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"")
    with pytest.raises(UserError, match=f"^{tmp_path}: its tokenizer cannot tokenise a text .*UNK.*$"):
        WordPieces(tmp_path)


def test_a_panic_of_the_library_is_one_line_and_ctrl_c_stays(monkeypatch, tmp_path):
    import transformers

    class PanicException(BaseException):
        pass

    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    for raised, expected in ((PanicException("no such pattern"), UserError), (KeyboardInterrupt(), KeyboardInterrupt)):

        def broken(*args, raised=raised, **settings):
            raise raised

        monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", broken)
        with pytest.raises(expected) as error:
            WordPieces(tmp_path)
    assert expected is KeyboardInterrupt and not str(error.value)


def test_words_that_the_model_has_no_embedding_for_are_unknown(tmp_path):
    folder = folder_with(tmp_path, "a", "b")
    vocabulary = WordPieces(folder).size
    (folder / "added_tokens.json").write_text(f'{{"extra": {vocabulary}}}')
    pieces = WordPieces(folder)
    assert pieces(["a extra"]) == [[*pieces(["a"])[0], vocabulary]]
    key = pieces.key
    assert pieces.fit_to(vocabulary + 1) and pieces.key == key
    assert not pieces.fit_to(vocabulary - 1)  # "b" is no word that was added
    assert pieces.fit_to(vocabulary) and pieces.key != key
    assert pieces(["a extra"]) == [[*pieces(["a"])[0], 1]]
