"""The special tokens that a tokenizer puts around a pair of texts, and around one text, found by asking it."""

from collections.abc import Sequence

from lce_tf.errors import UserError
from lce_tf.tokens.template import PairTemplate

# Pairs that `probed` encodes to find the template; it must be the same for all of them.
PROBES = (("a b", "c"), ("c", "a b c d"), ("a", "a"), ("1 a 2 b", "b"))


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


def probed_alone(tokenizer, where: str) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer of transformers puts before and after a text on its own.

    Args:
        tokenizer, where: see `probed`.

    Raises:
        UserError: they depend on the text, or stand within it.
    """
    texts = [first for first, _ in PROBES]
    found = tokenizer(texts, truncation=False, padding=False)
    frames = []
    for ids, encoding in zip(found["input_ids"], found.encodings, strict=True):
        own = [position for position, text in enumerate(encoding.sequence_ids) if text is not None]
        frames.append((list(ids[: own[0]]), list(ids[own[-1] + 1 :]), own == list(range(own[0], own[-1] + 1))))
    before, after, together = frames[0]
    if not together or any(frame != frames[0] for frame in frames):
        raise UserError(f"{where}: its tokenizer frames texts in several ways, depending on the text")
    return before, after


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
