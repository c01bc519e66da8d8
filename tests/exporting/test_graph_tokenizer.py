"""The tokenizer in a graph gives the tokenizer's ids for any text; tokenizers other than BERT's are refused."""

import json
import random
import unicodedata

import pytest

from lce_tf.errors import UserError
from lce_tf.exporting import graph_tokenizer
from lce_tf.model import hub
from lce_tf.tokens.tokenizers import WordPieces


@pytest.fixture(scope="module")
def minilm():
    return WordPieces(hub.locate("minilm"))


def test_what_becomes_of_a_code_point(minilm):
    codes, splits = graph_tokenizer.spellings(minilm)
    assert codes.dtype == splits.dtype == "int32" and len(splits) == 0x110001 and splits[-1] == len(codes)
    expected = {"A": "a", "É": "e", "\u0301": "", ",": " , ", "\n": " ", "\x00": "", "北": " 北 ", "ß": "ß", "İ": "i"}
    found = {text: codes[splits[ord(text)] : splits[ord(text) + 1]].tolist() for text in expected}
    assert {text: "".join(map(chr, spelled)) for text, spelled in found.items()} == expected


def drawn(count):
    """Strings of up to 60 characters: any assigned one, early alphabets, combining marks, ASCII."""
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    kinds = [assigned, [c for c in assigned if c < "\u2100"], list(filter(unicodedata.combining, assigned)), "abcd., "]
    source = random.Random(0)
    return ["".join(source.choice(source.choice(kinds)) for _ in range(source.randint(1, 60))) for _ in range(count)]


@pytest.mark.slow
def test_every_code_point_within_a_word_and_alone_and_random_strings(minilm):
    import tensorflow as tf

    graph = graph_tokenizer.GraphTokenizer(minilm)
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = [
        " ".join(f"re{chr(code)}ed {chr(code)}" for code in codes[start : start + 64])
        for start in range(0, len(codes), 64)
    ]
    texts += drawn(5000)
    for start in range(0, len(texts), 2000):
        some = texts[start : start + 2000]
        assert graph(tf.constant(some)).to_list() == minilm(some)


def test_other_tokenizers_are_refused(tmp_path):
    from transformers import AutoTokenizer

    def spoilt(name, change):
        AutoTokenizer.from_pretrained(str(hub.locate("minilm"))).save_pretrained(tmp_path / name)
        file, settings = tmp_path / name / "tokenizer.json", tmp_path / name / "tokenizer_config.json"
        values = json.loads(file.read_text())
        change(values)
        file.write_text(json.dumps(values))
        # BertTokenizer would put BERT's normaliser back.
        about = {**json.loads(settings.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}
        settings.write_text(json.dumps(about))
        graph_tokenizer.check(WordPieces(tmp_path / name), name)

    spoilt("as it is", lambda values: None)
    with pytest.raises(UserError, match="nfc: its tokenizer's normalizer is NFC, in a graph only BertNormalizer works"):
        spoilt("nfc", lambda values: values.update(normalizer={"type": "NFC"}))
    with pytest.raises(UserError, match="none: its tokenizer's normalizer is None"):
        spoilt("none", lambda values: values.update(normalizer=None))
    word = {"id": 30521, "content": "covid", "single_word": False, "lstrip": False, "rstrip": False}
    word |= {"normalized": True, "special": False}
    with pytest.raises(UserError, match="more: its tokenizer has words added to it, such as 'covid'"):
        spoilt("more", lambda values: values["added_tokens"].append(word))
