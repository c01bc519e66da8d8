"""Reads, checks and writes the options of a loss, as `--loss-options NAME=VALUE,NAME=VALUE` sets them."""

import functools
import math
from dataclasses import asdict, fields, make_dataclass
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation import settings
from lce_tf.losses.facts import LossFacts

FLAG = "--loss-options"


def options_of(about: type[LossFacts], **values: Any) -> Any:
    """The options of a loss as a frozen dataclass with one field each.

    Args:
        about: the loss's class, or the class that `LOSSES.about` returns for it.
        values: values of some options; the others have their defaults.

    Raises:
        UserError: a value is out of the option's bounds.
        TypeError: the loss has no such option.
    """
    options = _dataclass(about)(**values)
    settings.check(options, lambda name: f"{FLAG} {name}")
    return options


@functools.cache
def _dataclass(about: type[LossFacts]) -> type:
    stated = [(name, type(one["default"]), settings.setting(**one)) for name, one in about.options.items()]
    return make_dataclass("Options", stated, frozen=True)


def read_options(loss: str, about: type[LossFacts], text: str) -> Any:
    """The options of a loss, read from a text of the form `NAME=VALUE,NAME=VALUE`.

    Args:
        loss: the loss's name, for error messages.
        about: see `options_of`.

    Raises:
        UserError: a part is not NAME=VALUE, the loss has no such option, an option is given twice, or its value is of
            the wrong type or out of bounds.
    """
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UserError(f"{FLAG} {part!r}: give NAME=VALUE, several of them with commas between")
        if name not in about.options:
            known = f"has {', '.join(about.options)}" if about.options else "has none"
            raise UserError(f"{FLAG} {part}: --loss {loss} {known}; lce list losses prints the options of each loss")
        if name in values:
            raise UserError(f"{FLAG} {text}: {name} is given twice")
        values[name] = _value(part, value, type(about.options[name]["default"]))
    return options_of(about, **values)


def written(options: Any) -> str:
    """The text from which `read_options` makes these options: those not at their default, sorted by name."""
    changed = [one.name for one in fields(options) if getattr(options, one.name) != one.default]
    return ",".join(f"{name}={getattr(options, name)}" for name in sorted(changed))


def described(about: type[LossFacts]) -> str:
    """The options of a loss with defaults and help, for `lce list losses`; empty if it has none."""
    values = asdict(options_of(about))
    return "; ".join(f"{name}={value}: {about.options[name]['help']}" for name, value in values.items())


def _value(part: str, text: str, kind: type) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or (kind is float and not math.isfinite(value)):
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise UserError(f"{FLAG} {part}: {text!r} is not {wanted}")
    return value
