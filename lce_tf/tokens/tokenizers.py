"""Text to token ids with a checkpoint's own tokenizer: WordPiece, byte-level BPE or Unigram."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.tokens.loading import LoadedTokenizer
from lce_tf.tokens.template import MONO_T5, PairTemplate

# Vocabulary files; a checkpoint's folder needs at least one. transformers converts all but `tokenizer.json` on loading.
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
# Further files that transformers reads.
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


class WordPieces:
    """A checkpoint's tokenizer, which maps plain texts to token ids.

    It adds no special tokens and truncates nothing.

    Args:
        folder: with `tokenizer.json`, or an older vocabulary (`VOCABULARIES`) and `tokenizer_config.json`.
        special_words: whether text that spells a special token ("[SEP]") becomes that token, as it does in Hugging
            Face's libraries. If not, it is split like any other text, so that a passage cannot forge the boundary
            between query and passage.
        lower: whether texts are lower-cased before the tokenizer's own normalisation.

    Attributes:
        special_words: the argument, but False if the tokenizer's own settings have `split_special_tokens`.
        prompt: text to put before each query; callers do so, not the tokenizer.
        cls, sep, pad, mask: ids of these special tokens; all but `pad` are None if the tokenizer has no such token.
        size: one more than the largest id in the vocabulary.
        key: hash of everything that affects the ids of a text.

    Raises:
        UserError: the folder has no tokenizer, it cannot be loaded, it fails at a word that it does not know, or it has
            no pad token.
    """

    prompt = ""

    def __init__(self, folder: str | Path, special_words: bool = False, lower: bool = False):
        from tokenizers import Tokenizer

        folder = Path(folder)
        if not any((folder / name).is_file() for name in VOCABULARIES):
            raise UserError(f"{folder}: has no tokenizer; expected tokenizer.json or vocab.txt")
        try:
            loaded = LoadedTokenizer.load(folder)
            self._folder, self._loaded, self._backend = folder, loaded, Tokenizer.from_str(loaded.definition)
        except BaseException as error:  # tokenizers raises plain Exception for a damaged vocabulary
            files = ", ".join(name for name in (*VOCABULARIES, *_SETTINGS) if (folder / name).is_file())
            raise _refused(error, f"{folder}: its tokenizer cannot be loaded from {files}") from error
        if lower:
            _lower(self._backend)
        # With `split_special_tokens`, Hugging Face's library splits such words like any others, too.
        self.special_words = special_words and not loaded.splits_special
        self._backend.encode_special_tokens = not self.special_words
        if loaded.pad is None:
            raise UserError(f"{folder}: its tokenizer has no pad token; pairs of several lengths need one")
        self.cls, self.sep, self.pad, self.mask = loaded.cls, loaded.sep, loaded.pad, loaded.mask
        self._most = None
        # A vocabulary may have gaps, so the largest id counts, not the number of entries.
        self.size = max(self._backend.get_vocab().values()) + 1
        self.key = hashlib.sha256(self._backend.to_str().encode()).hexdigest()[:16]
        if self.special_words:
            self.key += "-special"  # the same text may get other ids
        self(["☃"])  # fails if the vocabulary has neither this nor a token for unknown words

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The wordpiece ids of each text."""
        try:
            encoded = [e.ids for e in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]
        except BaseException as error:
            raise _refused(error, f"{self._folder}: its tokenizer cannot tokenise a text") from error
        if self._most is None:
            return encoded
        return [[token if token < self._most else self._loaded.unk for token in ids] for ids in encoded]

    def fit_to(self, vocabulary: int) -> bool:
        """Makes every id that the tokenizer produces lower than `vocabulary`, the model's token embeddings.

        Ids beyond are mapped to the unknown token if they are all tokens added to the tokenizer. Returns whether all
        ids fit.
        """
        beyond = {word for word, token in self._backend.get_vocab().items() if token >= vocabulary}
        if not beyond:
            return True
        added = {token.content for token in self._backend.get_added_tokens_decoder().values()}
        if not beyond <= added or self._loaded.unk is None:
            return False
        self._most = vocabulary
        self.key += f"-{vocabulary}"
        return True

    def id_of(self, word: str) -> int | None:
        """The id of a word of the vocabulary; None: it has no such word."""
        return self._backend.token_to_id(word)

    def words(self, text: str) -> list[str]:
        """The words of `text` after normalisation and pre-tokenisation, before they are split into wordpieces."""
        normalised = self._backend.normalizer.normalize_str(text)
        return [word for word, _ in self._backend.pre_tokenizer.pre_tokenize_str(normalised)]

    @property
    def definition(self) -> dict[str, Any]:
        """The parsed `tokenizer.json`: its normalizer, pre_tokenizer, model with the vocabulary, and added_tokens."""
        return json.loads(self._backend.to_str())

    @property
    def special(self) -> tuple[int, int, int]:
        """The ids of [CLS], [SEP] and [PAD].

        Raises:
            UserError: the tokenizer has no [CLS] or no [SEP].
        """
        if absent := [name for name, token in (("cls", self.cls), ("sep", self.sep)) if token is None]:
            raise UserError(f"{self._folder}: its tokenizer has no {', '.join(absent)} token; BERT-like ones have")
        return self.cls, self.sep, self.pad

    @property
    def alone(self) -> tuple[list[int], list[int]]:
        """The ids that this tokenizer itself puts before and after a text on its own.

        Raises:
            UserError: they depend on the text.
        """
        if self._loaded.alone is None:
            raise UserError(f"{self._folder}: its tokenizer frames texts in several ways, depending on the text")
        before, after = self._loaded.alone
        return before, after

    @functools.cached_property
    def template(self) -> PairTemplate:
        """The template that this tokenizer itself puts around a pair of texts.

        Raises:
            UserError: pairs cannot be packed by this template, see `probed`.
        """
        return self._loaded.template_of(self._folder)

    @functools.cached_property
    def prompted(self) -> PairTemplate:
        """monoT5's prompt as a template: `Query: ... Document: ... Relevant:` and the end token, all of type 0."""
        before, between, after = (tuple(ids) for ids in self(MONO_T5))
        end = () if self._loaded.eos is None else (self._loaded.eos,)
        after = (*after, *end)
        zeros = len(before) + len(between) + len(after)
        return PairTemplate(before, between, after, self.pad, zeros=zeros, second_zero=True)


def _lower(backend) -> None:
    """Lower-cases texts before all other normalisation, as sentence-transformers does if `do_lower_case` is set.

    The backend is left as it is only if it already has a `Lowercase` normalizer; others that lower-case, such as
    BERT's, are not recognised.
    """
    from tokenizers import normalizers

    normalizer = backend.normalizer
    parts = list(normalizer) if isinstance(normalizer, normalizers.Sequence) else [normalizer]
    parts = [part for part in parts if part is not None]
    if not any(isinstance(part, normalizers.Lowercase) for part in parts):
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])


def _refused(error: BaseException, what: str) -> BaseException:
    """The exception to raise instead of `error`: a UserError of one line, or `error` itself if it must not be caught.

    A panic in the tokenizers library becomes a UserError, although its class does not derive from `Exception`.
    KeyboardInterrupt and SystemExit stay as they are.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(f"{what} ({reason})")
