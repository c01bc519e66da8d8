"""Parses a request's bytes into one of the formats of `shapes`, or says in one line what is wrong with them."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from lce_tf.serving.refused import Refused

Shape = TypeVar("Shape", bound=BaseModel)
# pydantic's names of faults -> what is expected instead.
_WANTED = {
    "string_type": "a string",
    "list_type": "a list of strings",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
}


# Bytes that `values_of` looks at in one go.
_STRETCH = 1 << 20
# JSON values that a request may have besides its texts, such as ignored fields, and per text, such as the fields of a
# document.
_FURTHER_VALUES, _VALUES_A_TEXT = 1000, 50


def read(body: bytes, shape_of: Callable[[dict[str, Any]], type[Shape]], most: int) -> Shape:
    """The request, in the format that `shape_of` returns for the body's object.

    Its cost is bounded by the number of bytes: values are counted before any of them becomes a Python object, and the
    lengths of lists are checked before any of their texts.

    Args:
        most: maximum number of texts in a list.

    Raises:
        Refused: the body is no JSON object (status 400), has too many values (413) or a wrong one (422).
    """
    allowed = most * _VALUES_A_TEXT + _FURTHER_VALUES
    if (values := values_of(body)) > allowed:
        raise Refused(413, f"the body has {values} values; {allowed} are allowed, send several requests")
    value = read_object(body)
    for name, found in value.items():
        if isinstance(found, list) and len(found) > most:
            raise Refused(413, f"{name[:40]}: {len(found)} in one request; {most} are allowed, send several")
    return parse(shape_of(value), value)


def values_of(body: bytes) -> int:
    """An upper bound on the number of values in some JSON: 1 + commas and opening brackets outside of strings."""
    # Without escaped backslashes and quotes, every quote begins or ends a string.
    text = np.frombuffer(body.replace(b"\\\\", b"__").replace(b'\\"', b"__"), np.uint8)
    count, inside = 1, 0
    for start in range(0, len(text), _STRETCH):
        part = text[start : start + _STRETCH]
        quotes = np.cumsum(part == ord('"'), dtype=np.int32) + inside
        between = (part == ord(",")) | (part == ord("[")) | (part == ord("{"))
        count += int(np.count_nonzero(between & (quotes % 2 == 0)))
        inside = int(quotes[-1]) % 2
    return count


def read_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Refused: it is not one; with status 400.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 (byte {error.start}); send JSON in UTF-8") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deeply; send a flat JSON object") from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON ({error if body else 'it is empty'})") from None
    except ValueError as error:  # NaN, or Python's error for a number with thousands of digits
        raise Refused(400, f"the body is not JSON ({str(error).partition(';')[0]})") from None
    if not isinstance(value, dict):
        raise Refused(400, f"the body is {_kind(value)}; send a JSON object")
    return value


def parse(shape: type[Shape], value: dict[str, Any]) -> Shape:
    """The object as a request of that format.

    Raises:
        Refused: a field is missing or wrong; with status 422.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise Refused(422, _line(error.errors(include_url=False)[0])) from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _line(fault: dict[str, Any]) -> str:
    """What is wrong and where, without the value, which may be a client's text."""
    head, *rest = fault["loc"] or ("the body",)
    where = f"{head}{''.join(f'[{part}]' if isinstance(part, int) else f'.{part}' for part in rest)}"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    if fault["type"] in _WANTED:
        return f"{where}: is {_kind(fault['input'])}; give {_WANTED[fault['type']]}"
    if fault["type"] == "too_short":
        return f"{where}: is empty; give one text at least"
    if fault["type"] == "string_unicode":
        return f"{where}: holds half of a surrogate pair; send whole characters"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return kinds.get(type(value), "an object")
