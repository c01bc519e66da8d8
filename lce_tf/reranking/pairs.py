"""Checks (query, passage) texts given by callers before anything is computed."""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from lce_tf.errors import UserError

Pair = tuple[str, str]


def listed(values: Iterable[Any], what: str) -> list[Any]:
    """All of `values` as a list; an iterable without a defined order is refused.

    Args:
        what: the name of the values in an error, such as "passages".

    Raises:
        TypeError: a string, a set, a mapping, or not an iterable.
    """
    if isinstance(values, str | bytes | Set | Mapping) or not isinstance(values, Iterable):
        why = ", which has no order of its own" if isinstance(values, Set) else ""
        raise TypeError(f"{what}: is a {type(values).__name__}{why}; give a list of them")
    return list(values)


def checked_pairs(
    pairs: Iterable[tuple[str, str]], name: Callable[[int], str] = lambda index: f"pair {index}"
) -> list[Pair]:
    """The pairs as a list, after checking that each is a query and a passage.

    Args:
        name: gives the name of the pair at an index, for errors.

    Raises:
        TypeError: a pair is not a tuple or list of two strings.
        UserError: a text holds half of a surrogate pair, which UTF-8 cannot encode.
    """
    pairs = listed(pairs, "pairs")
    for index, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or [isinstance(text, str) for text in pair] != [True, True]:
            raise TypeError(f"{name(index)} is {pair!r:.80}; give a query and a passage, two strings")
        for what, text in zip(("query", "passage"), pair, strict=True):
            if (at := lone_surrogate(text)) is not None:
                raise UserError(
                    f"{name(index)}, {what}, holds half of a surrogate pair, {text[at]!r}, at character {at}; "
                    "decode the text with errors='replace'"
                )
    return pairs


def lone_surrogate(text: str) -> int | None:
    """Index of the first surrogate in the text, which UTF-8 cannot encode; None if there is none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None
