"""Templates of special tokens around a pair of texts, derived from a checkpoint's own tokenizer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lce_tf.errors import UserError

# Pairs that `probed` encodes to find the template; it must be the same for all of them.
PROBES = (("a b", "c"), ("c", "a b c d"), ("a", "a"), ("1 a 2 b", "b"))
# The prompt of monoT5: its three parts take the places of the special tokens before, between and after the texts. The
# end token follows the last part.
MONO_T5 = ("Query:", "Document: ", "Relevant:")


@dataclass(frozen=True)
class PairTemplate:
    """The special tokens around the two texts of a pair, as ids, and the token types.

    Token types are 0 up to some token and 1 from there on. In BERT's template, `[CLS] query [SEP] passage [SEP]`, the
    query and two special tokens are of type 0; the passage and the last [SEP] are of type 1.

    Attributes:
        before, between, after: ids before the first text, between the two texts, and after the second.
        pad: id of the padding token.
        passage_first: whether the passage is the first text and the query the second.
        zeros: number of special tokens of type 0.
        first_zero, second_zero: whether the first and the second text are of type 0.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    pad: int
    passage_first: bool = False
    zeros: int = 2
    first_zero: bool = True
    second_zero: bool = False

    @classmethod
    def bert(cls, start: int, end: int, pad: int) -> "PairTemplate":
        """`[CLS] query [SEP] passage [SEP]` from the ids of [CLS], [SEP] and [PAD]."""
        return cls((start,), (end,), (end,), pad)

    @property
    def size(self) -> int:
        """Number of special tokens of a pair."""
        return len(self.before) + len(self.between) + len(self.after)

    @property
    def has_types(self) -> bool:
        """Whether some token is of type 1."""
        return not (self.first_zero and self.second_zero and self.zeros == self.size)

    def type_0_length(self, query, passage):
        """Number of tokens of type 0 of each pair; they precede those of type 1.

        Args:
            query, passage: tokens of each text after truncation, an integer array or tensor.
        """
        first, second = (passage, query) if self.passage_first else (query, passage)
        return self.zeros + first * int(self.first_zero) + second * int(self.second_zero)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values, which `from_json` reads."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "PairTemplate":
        """The template that `as_json` wrote.

        Raises:
            TypeError: `values` lacks a field or has one that the template does not have.
        """
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def probed(tokenizer, where: str) -> PairTemplate:
    """The template that a tokenizer of transformers puts around pairs of texts.

    Args:
        tokenizer: a tokenizer backed by the `tokenizers` library.
        where: name of the checkpoint, for error messages.

    Raises:
        UserError: the tokenizer is not backed by that library, its template depends on the texts, does not contain each
            text once, or has token types other than 0s followed by 1s.
    """
    firsts, seconds = zip(*PROBES, strict=True)
    found = tokenizer(list(firsts), list(seconds), truncation=False, padding=False)
    if found.encodings is None:
        raise UserError(f"{where}: its tokenizer, a {type(tokenizer).__name__}, has no form in the tokenizers library")
    types = found.get("token_type_ids") or [[0] * len(ids) for ids in found["input_ids"]]
    frames = {
        _frame(ids, encoding.sequence_ids, kinds, tokenizer.pad_token_id, where)
        for ids, encoding, kinds in zip(found["input_ids"], found.encodings, types, strict=True)
    }
    if len(frames) > 1:
        raise UserError(f"{where}: its tokenizer frames pairs in several ways, depending on their texts")
    return frames.pop()


def _frame(ids: Sequence[int], texts: Sequence[int | None], types: Sequence[int], pad: int, where: str) -> PairTemplate:
    """The template of one encoded pair.

    Args:
        ids: its token ids.
        texts: for each token, 0 or 1 for the text it belongs to, None for a special token.
        types: for each token, its token type.
        pad, where: see `PairTemplate` and `probed`.

    Raises:
        UserError: see `probed`.
    """
    parts: list[tuple[int | None, list[int]]] = []
    for position, text in enumerate(texts):
        if not parts or parts[-1][0] != text:
            parts.append((text, []))
        parts[-1][1].append(position)
    order = [text for text, _ in parts if text is not None]
    if sorted(order) != [0, 1]:
        raise UserError(f"{where}: its tokenizer does not give each text of a pair once")
    if list(types) != sorted(types) or not set(types) <= {0, 1}:
        raise UserError(f"{where}: its tokenizer gives token types {list(types)}; only 0s followed by 1s can be packed")
    first, second = (next(positions for text, positions in parts if text == wanted) for wanted in order)
    special = [position for position, text in enumerate(texts) if text is None]
    return PairTemplate(
        tuple(ids[: first[0]]),
        tuple(ids[first[-1] + 1 : second[0]]),
        tuple(ids[second[-1] + 1 :]),
        pad,
        passage_first=order == [1, 0],
        zeros=sum(types[position] == 0 for position in special),
        first_zero=types[first[0]] == 0,
        second_zero=types[second[0]] == 0,
    )
