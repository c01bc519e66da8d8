"""Templates of special tokens around a pair of texts."""

from dataclasses import asdict, dataclass
from typing import Any

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
