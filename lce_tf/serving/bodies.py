"""A request's bytes to one of the shapes, or one line about what is wrong with them."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lce_tf.serving.refused import Refused

Shape = TypeVar("Shape", bound=BaseModel)
# pydantic's names of faults -> what should be there instead.
_WANTED = {
    "string_type": "a string",
    "list_type": "a list of strings",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
}


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        Refused: it is none; with status 400.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 (byte {error.start}); send JSON in UTF-8") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deeply; send a flat JSON object") from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON ({error if body else 'it is empty'})") from None
    except ValueError as error:  # NaN, or what Python says of a number with thousands of digits
        raise Refused(400, f"the body is not JSON ({str(error).partition(';')[0]})") from None
    if not isinstance(value, dict):
        raise Refused(400, f"the body is {_kind(value)}; send a JSON object")
    return value


def parse(shape: type[Shape], value: dict[str, Any]) -> Shape:
    """The object as a request of that shape.

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
    """What is wrong in which place, without the value, which may be a text."""
    head, *rest = fault["loc"] or ("the body",)
    place = f"{head}{''.join(f'[{part}]' if isinstance(part, int) else f'.{part}' for part in rest)}"
    if fault["type"] == "missing":
        return f"{place}: is missing"
    if fault["type"] in _WANTED:
        return f"{place}: is {_kind(fault['input'])}; give {_WANTED[fault['type']]}"
    if fault["type"] == "too_short":
        return f"{place}: is empty; give one text at least"
    if fault["type"] == "string_unicode":
        return f"{place}: holds half of a surrogate pair; send whole characters"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return kinds.get(type(value), "an object")
