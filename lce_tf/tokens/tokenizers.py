"""Text to token ids with a checkpoint's own tokenizer: WordPiece, byte-level BPE or Unigram."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.tokens.template import MONO_T5, PairTemplate, probed

# Files of which a folder has one at least; all but the first are converted once it is loaded.
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


class WordPieces:
    """A checkpoint's tokenizer, giving the ids of plain text.

    No special tokens are added and nothing is cut.

    Args:
        folder: with `tokenizer.json`, or an older vocabulary (`VOCABULARIES`) and `tokenizer_config.json`.
        special_words: whether text that spells a special token ("[SEP]") becomes that token, as it does in Hugging
            Face's libraries. If not, it is text like any other, and a passage cannot forge the boundary between query
            and passage.
        lower: whether texts are put in lower case first, whatever the tokenizer does.

    Attributes:
        special_words: whether such text does become special tokens.
        prompt: text that belongs before each query.
        size: one more than the largest id that can come out.
        key: changes with whatever changes the ids of a text.
    """

    prompt = ""

    def __init__(self, folder: str | Path, special_words: bool = False, lower: bool = False):
        from transformers import AutoTokenizer

        folder = Path(folder)
        if not any((folder / name).is_file() for name in VOCABULARIES):
            raise UserError(f"{folder}: has no tokenizer; expected tokenizer.json or vocab.txt")
        try:
            wrapper = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
            self._folder, self._wrapper, self._backend = folder, wrapper, wrapper.backend_tokenizer
        except BaseException as error:  # tokenizers raises plain Exception for a damaged vocabulary
            raise _refused(error, f"{folder}: its tokenizer cannot be loaded") from error
        self._backend.no_truncation()
        self._backend.no_padding()
        # A folder may say that its library, too, splits such words like any others.
        if lower:
            _lower(self._backend)
        self.special_words = special_words and not getattr(wrapper, "split_special_tokens", False)
        self._backend.encode_special_tokens = not self.special_words
        if wrapper.pad_token_id is None:
            raise UserError(f"{folder}: its tokenizer has no pad token; pairs of several lengths need one")
        self.cls, self.sep, self.pad = wrapper.cls_token_id, wrapper.sep_token_id, wrapper.pad_token_id
        self._most = None
        self.mask = wrapper.mask_token_id  # None where there is none: only TCT-ColBERT's queries need it
        # A vocabulary may have gaps; what counts is the largest id that can come out.
        self.size = max(self._backend.get_vocab().values()) + 1
        self.key = hashlib.sha256(self._backend.to_str().encode()).hexdigest()[:16]
        if self.special_words:
            self.key += "-special"  # the same text has other ids

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The wordpiece ids of each text."""
        try:
            encoded = [e.ids for e in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]
        except BaseException as error:
            raise _refused(error, "a text cannot be tokenised by this checkpoint's tokenizer") from error
        if self._most is None:
            return encoded
        return [[token if token < self._most else self._wrapper.unk_token_id for token in ids] for ids in encoded]

    def fits(self, vocabulary: int) -> bool:
        """Whether a model with so many embeddings has one for every id that comes out.

        Words that were added to a tokenizer but not to its model become the unknown token from now on.
        """
        beyond = {word for word, token in self._backend.get_vocab().items() if token >= vocabulary}
        if not beyond:
            return True
        added = {token.content for token in self._backend.get_added_tokens_decoder().values()}
        if not beyond <= added or self._wrapper.unk_token_id is None:
            return False
        self._most = vocabulary
        self.key += f"-{vocabulary}"
        return True

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
            UserError: the tokenizer has no such tokens.
        """
        if absent := [name for name, token in (("cls", self.cls), ("sep", self.sep)) if token is None]:
            raise UserError(f"{self._folder}: its tokenizer has no {', '.join(absent)} token; BERT-like ones have")
        return self.cls, self.sep, self.pad

    @functools.cached_property
    def template(self) -> PairTemplate:
        """How this tokenizer itself frames a pair of texts.

        Raises:
            UserError: in a way that pairs cannot be packed by.
        """
        found = probed(self._wrapper, str(self._folder))
        # The call above sets the backend up for pairs; texts are still encoded one by one.
        self._backend.no_truncation()
        self._backend.no_padding()
        self._backend.encode_special_tokens = not self.special_words
        return found

    @functools.cached_property
    def prompted(self) -> PairTemplate:
        """monoT5's prompt around a pair: `Query: ... Document: ... Relevant:` and the end token, without types."""
        before, between, after = (tuple(ids) for ids in self(MONO_T5))
        end = () if self._wrapper.eos_token_id is None else (self._wrapper.eos_token_id,)
        after = (*after, *end)
        zeros = len(before) + len(between) + len(after)
        return PairTemplate(before, between, after, self.pad, zeros=zeros, second_zero=True)


def _lower(backend) -> None:
    """Puts texts in lower case before all else, as sentence-transformers does where its settings say `do_lower_case`.

    It takes only a normalizer of the plain kind for one that does so already.
    """
    from tokenizers import normalizers

    normalizer = backend.normalizer
    parts = list(normalizer) if isinstance(normalizer, normalizers.Sequence) else [normalizer]
    parts = [part for part in parts if part is not None]
    if not any(isinstance(part, normalizers.Lowercase) for part in parts):
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])


def _refused(error: BaseException, what: str) -> BaseException:
    """The error as one line; a panic within the tokenizers library is no `Exception`, and Ctrl-C stays what it is."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(f"{what} ({reason})")
