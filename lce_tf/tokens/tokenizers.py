"""Text to wordpiece ids with a checkpoint's own tokenizer."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError


class WordPieces:
    """A checkpoint's tokenizer, giving the ids of plain text.

    No special tokens are added and nothing is cut.

    Args:
        folder: with `tokenizer.json`, or `vocab.txt` and `tokenizer_config.json`.
        special_words: whether text that spells a special token ("[SEP]") becomes that token, as it does in Hugging
            Face's libraries. If not, it is text like any other, and a passage cannot forge the boundary between query
            and passage.
    """

    def __init__(self, folder: str | Path, special_words: bool = False):
        from transformers import AutoTokenizer

        folder = Path(folder)
        if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
            raise UserError(f"{folder}: has no tokenizer; expected tokenizer.json or vocab.txt")
        try:
            wrapper = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
            self._backend = wrapper.backend_tokenizer
        except BaseException as error:  # tokenizers raises plain Exception for a damaged vocabulary
            raise _refused(error, f"{folder}: its tokenizer cannot be loaded") from error
        self._backend.no_truncation()
        self._backend.no_padding()
        # A folder may say that its library, too, splits such words like any others.
        self._backend.encode_special_tokens = not special_words or bool(getattr(wrapper, "split_special_tokens", False))
        special = {"cls": wrapper.cls_token_id, "sep": wrapper.sep_token_id, "pad": wrapper.pad_token_id}
        if absent := [name for name, token in special.items() if token is None]:
            raise UserError(f"{folder}: its tokenizer has no {', '.join(absent)} token; BERT-like ones have")
        self.cls, self.sep, self.pad = special["cls"], special["sep"], special["pad"]
        self.mask = wrapper.mask_token_id  # None where there is none: only TCT-ColBERT's queries need it
        # A vocabulary may have gaps; what counts is the largest id that can come out.
        self.size = max(self._backend.get_vocab().values()) + 1
        self.key = hashlib.sha256(self._backend.to_str().encode()).hexdigest()[:16]
        if special_words:
            self.key += "-special"  # the same text has other ids

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The wordpiece ids of each text."""
        try:
            return [e.ids for e in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]
        except BaseException as error:
            raise _refused(error, "a text cannot be tokenised by this checkpoint's tokenizer") from error

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
        """The ids of [CLS], [SEP] and [PAD]."""
        return self.cls, self.sep, self.pad


def _refused(error: BaseException, what: str) -> BaseException:
    """The error as one line; a panic within the tokenizers library is no `Exception`, and Ctrl-C stays what it is."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(f"{what} ({reason})")
