"""A checkpoint's tokenizer inside a TensorFlow graph, which gives strings the same ids as `WordPieces`.

Before they look up words, BERT's tokenizers process each code point separately: cleaning, spaces around Chinese
characters, stripping accents, lower case, splitting at punctuation. So the export applies the checkpoint's own
tokenizer to every code point, and the graph looks up the results. The ids therefore do not depend on the Unicode
version of another library.
"""

import itertools

import numpy as np
import tensorflow as tf
from tensorflow_text import WordpieceTokenizer

from lce_tf.errors import UserError
from lce_tf.tokens.tokenizers import WordPieces

CODE_POINTS, BLOCK = 0x110000, 4096
# Separates code points in a text to tokenise: every tokenizer accepted here keeps these two letters as they are, and
# replaces no code point by them.
FENCE = "xq"
SAME = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer", "model": "WordPiece"}
# Texts for which every export compares the ids of graph and tokenizer, in addition to the whole vocabulary.
PROBES = (
    "",
    " \t\r\n\u00a0\u2028\u3000",
    "What's [SEP] a [CLS]? [UNK][PAD]",
    "Cafe\u0301 CAF\u00c9 \u0130stanbul \u1e9e stra\u00dfe \u01c5 \ufb01n",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3",
    "\u5317\u4eac2008\u5e74 \uff28\uff49\u3002 \ud55c\uad6d\uc5b4 \u3053\u3093\u306b\u3061\u306f \U00020000",
    "\u05e9\u05c1\u05dc\u05d5\u05dd \u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627 \u202eabc\u202c",
    "\U0001f469\u200d\U0001f680 a\u200bb a\u00adb \ufeffx \x00\x07\x7f\x85 \ufffd \ue000",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22 \u212b \u2126 \u00bd",
    "x" * 100 + " " + "x" * 101 + " " + "\u00e9" * 101,
)


class GraphTokenizer(tf.Module):
    """TensorFlow operations that convert a batch of strings to wordpiece ids.

    Args:
        tokenizer: the checkpoint's tokenizer; `check` must accept it.
    """

    def __init__(self, tokenizer: WordPieces):
        super().__init__(name="tokenizer")
        model = tokenizer.definition["model"]
        words, ids = zip(*model["vocab"].items(), strict=True)
        self.longest, self.unknown = model["max_input_chars_per_word"], model["unk_token"]
        values = tf.lookup.KeyValueTensorInitializer(words, ids, tf.string, tf.int64)
        self.vocabulary = tf.lookup.StaticHashTable(values, -1)
        # WordpieceTokenizer's limit counts bytes; a character has up to four.
        self.pieces = WordpieceTokenizer(
            self.vocabulary, model["continuing_subword_prefix"], 4 * self.longest, unknown_token=self.unknown
        )
        self.spellings = tf.RaggedTensor.from_row_splits(*spellings(tokenizer), validate=False)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The wordpiece ids of each text, [texts, (wordpieces)] int32; no text is cut, no special token added.

        Args:
            texts: [texts] UTF-8 strings; invalid bytes count as U+FFFD.
        """
        codes = tf.strings.unicode_decode(texts, "UTF-8", errors="replace").with_row_splits_dtype(tf.int32)
        spelled = codes.with_flat_values(tf.gather(self.spellings, codes.flat_values)).merge_dims(1, 2)
        words = tf.strings.split(tf.strings.unicode_encode(spelled, "UTF-8"))
        long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > self.longest
        words = words.with_flat_values(tf.where(long, self.unknown, words.flat_values))
        return tf.cast(self.pieces.tokenize(words).merge_dims(1, 2), tf.int32)


def spellings(tokenizer: WordPieces) -> tuple[np.ndarray, np.ndarray]:
    """The text that replaces each code point before words are looked up, with a space wherever a word ends.

    "É" gives "e", a comma " , ", a line end " ", and a removed character "".

    Returns:
        [total] int32 code points of all replacements, concatenated, and [0x110000 + 1] int32 offsets at which they
        begin.
    """
    found: list[str] = []
    for start in range(0, CODE_POINTS, BLOCK):
        # A text in UTF-8 has no surrogates, so their replacements are never looked up.
        codes = [0xFFFD if 0xD800 <= code < 0xE000 else code for code in range(start, start + BLOCK)]
        text = FENCE.join(["", *map(chr, codes), ""])
        found += " ".join(tokenizer.words(text)).split(FENCE)[1:-1]
    splits = np.fromiter(itertools.accumulate(map(len, found), initial=0), np.int32, CODE_POINTS + 1)
    return np.frombuffer("".join(found).encode("utf-32-le"), np.int32), splits


def check(tokenizer: WordPieces, name: str) -> None:
    """Raises a UserError that names the checkpoint `name` unless the tokenizer is BERT's without added words."""
    definition = tokenizer.definition
    for part, wanted in SAME.items():
        found = (definition[part] or {}).get("type")
        if found != wanted:
            raise UserError(
                f"{name}: its tokenizer's {part} is {found}, in a graph only {wanted} works; use --format hf"
            )
    if added := [token["content"] for token in definition["added_tokens"] if not token["special"]]:
        raise UserError(f"{name}: its tokenizer has words added to it, such as {added[0]!r}; use --format hf")


def compared(graph: GraphTokenizer, tokenizer: WordPieces, name: str) -> int:
    """The number of texts compared, the whole vocabulary among them; graph and tokenizer agree on all of them.

    Raises:
        UserError: the ids of a text differ.
    """
    words = sorted(tokenizer.definition["model"]["vocab"])
    texts = [" ".join(words[i : i + 256]) for i in range(0, len(words), 256)]
    texts += [text.upper() for text in texts] + list(PROBES)
    for text, here, there in zip(texts, graph(tf.constant(texts)).to_list(), tokenizer(texts), strict=True):
        if here != there:
            raise UserError(f"{name}: its tokenizer gives other ids in a graph, for {text!r:.60}; use --format hf")
    return len(texts)
