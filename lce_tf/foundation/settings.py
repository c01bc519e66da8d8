"""Settings as dataclass fields: a field states the setting's default, meaning, bounds and where it may be set.

The command line, the checks, the recipe, the manifest and the table in the documentation are all made from these
fields, so a new setting needs one new field only.
"""

import argparse
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any

from lce_tf.errors import UserError


def setting(
    default: Any = MISSING,
    help: str = "",
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Callable[[], Iterable] | Iterable | None = None,
    give: str | None = None,
    read: Callable[[str], Any] | None = None,
    aliases: tuple[str, ...] = (),
    metavar: str | None = None,
    bare: str | None = None,
    many: bool = False,
    positional: bool = False,
    shown: str | None = None,
    instead_of: str | None = None,
    part: str = "training",
    recipe: bool = False,
    tables: bool = False,
    place: bool = False,
) -> Any:
    """A dataclass field whose metadata describe a setting.

    Args:
        default: default value; without one, the setting must be given.
        help: meaning of the setting, with its unit, for `--help` and the documentation.
        at_least, above, below: bounds of a number; None is not checked against them. Every number must be finite, and a
            whole number without `below` must be less than 2^31.
        choices: allowed values, or a function that returns them.
        give: what the error for a value out of bounds tells the user to give; by default, the bounds.
        read: function that parses the option's text; by default, the type of the field.
        aliases: further names of the option.
        metavar: placeholder for the value in `--help`. The choices are then not listed there, but only in the error
            of `check`.
        bare: value of an option that is given without a value; None: the option needs a value.
        many: whether the option takes one or more values, which become a tuple.
        positional: whether it is a positional argument instead of an option.
        shown: default of the option on the command line, for a setting without `default`.
        instead_of: name of another setting; a command line with the options of both is refused.
        part: heading in `--help`.
        recipe: whether recipes fix the setting; `TrainConfig.departures` lists it if it differs from the recipe's.
        tables: whether `lce tables` has an option that overrides the preset's value.
        place: whether the setting says where to compute, not what; a training may be resumed with another value.
    """
    stated = {
        "help": help,
        "at_least": at_least,
        "above": above,
        "below": below,
        "choices": choices,
        "give": give,
        "read": read,
        "aliases": aliases,
        "metavar": metavar,
        "bare": bare,
        "many": many,
        "positional": positional,
        "shown": shown,
        "instead_of": instead_of,
        "part": part,
        "recipe": recipe,
        "tables": tables,
        "place": place,
    }
    return field(metadata=stated) if default is MISSING else field(default=default, metadata=stated)


def having(cls: type, mark: str) -> tuple[str, ...]:
    """Names of the settings with this mark, such as "recipe" or "tables", in the order of the class."""
    return tuple(one.name for one in fields(cls) if one.metadata.get(mark))


def defaults(cls: type) -> dict[str, Any]:
    """Name -> default of each setting that has one.

    A record written before a setting existed is read as having the setting's default.
    """
    return {one.name: one.default for one in fields(cls) if one.default is not MISSING}


def flag(name: str) -> str:
    """The command-line option of a setting: `--learning-rate` for `learning_rate`."""
    return f"--{name.replace('_', '-')}"


def _bounds(low: float | None, above: float | None, below: float | None) -> str:
    """What to give, in words."""
    least = [f"{low} or more"] if low is not None else [f"more than {above}"] if above is not None else []
    return "give " + " and ".join([*least, *([] if below is None else [f"less than {below}"])])


def check(config: Any, named: Callable[[str], str] = flag) -> None:
    """Checks every setting of a dataclass instance against its own bounds and choices.

    Args:
        named: turns a field's name into the name that the user knows, with which the error begins.

    Raises:
        UserError: a value is out of bounds or not among the choices; names the first such setting, its value and what
            to give.
    """
    for one in fields(config):
        value, stated = getattr(config, one.name), one.metadata
        if value is None or not stated:
            continue
        choices = _choices(one)
        if choices is not None and value not in choices:
            raise UserError(f"{named(one.name)} {value!r}: known are {', '.join(map(str, choices))}")
        bounded = any(stated[bound] is not None for bound in ("at_least", "above", "below"))
        for number in value if isinstance(value, tuple) else (value,):
            # A bound refuses NaN as well, and says what to give.
            if isinstance(number, float) and (math.isinf(number) or (math.isnan(number) and not bounded)):
                raise UserError(f"{named(one.name)} {number}: give a finite number")
            if isinstance(number, int) and abs(number) >= 1 << 31 and stated["below"] is None:
                raise UserError(f"{named(one.name)} {number}: give a number below 2^31")
        low, above, below = stated["at_least"], stated["above"], stated["below"]
        # Written so that NaN, which compares as false, is refused.
        sound = (low is None or value >= low) and (above is None or value > above) and (below is None or value < below)
        if not sound:
            raise UserError(f"{named(one.name)} {value}: {stated['give'] or _bounds(low, above, below)}")


def check_types(cls: type, values: Mapping[str, Any], file: str) -> None:
    """Checks that values read from a file have the types of a dataclass's fields of the same names.

    Whole numbers pass as floats; values of types other than text, numbers and truth are not checked.

    Raises:
        UserError: names the file, the field and the value.
    """
    hints = typing.get_type_hints(cls)
    for one in fields(cls):
        if one.name not in values:
            continue
        value, kinds = values[one.name], typing.get_args(hints[one.name]) or (hints[one.name],)
        plain = {str, int, float, bool, type(None)}
        if not plain.issuperset(kinds):
            continue
        sound = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        if not sound and not (float in kinds and type(value) is int):
            raise UserError(f"{file}: {one.name} is {value!r:.40}, which is none of its values; make it again")


def from_options(cls: type, arguments: argparse.Namespace) -> Any:
    """An instance of `cls` with the values of the options that `add_options(..., fill=True)` added.

    Fields without an option have their default.
    """
    given = {one.name: getattr(arguments, one.name) for one in fields(cls) if hasattr(arguments, one.name)}
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def parsed(cls: type, name: str, text: str) -> Any:
    """The value of the setting `name` that `text` on the command line stands for.

    Raises:
        ValueError: `text` stands for no value of the field's type.
        argparse.ArgumentTypeError: the setting's own `read` refuses `text`.
    """
    one = next(one for one in fields(cls) if one.name == name)
    kind = _kind(typing.get_type_hints(cls)[name])
    if kind is bool:
        return ("false", "true").index(text.lower()) == 1
    return (one.metadata["read"] or kind)(text)


def add_options(
    parser: argparse.ArgumentParser | Any,
    cls: type,
    names: Iterable[str] | None = None,
    *,
    show_default: str = "default",
    fill: bool = False,
    grouped: bool = False,
) -> None:
    """Adds an option to `parser` for each setting; by default, an option that is not given is None.

    Args:
        names: names of the settings; None: all that have a help text.
        show_default: label of the default in the help; "" leaves the default out, as does `fill`.
        fill: give options the default of their field instead of None, and require those of settings without one.
        grouped: put the options under the headings that the settings name as `part`.
    """
    hints, parts, either = typing.get_type_hints(cls), {}, {}
    by_name = {one.name: one for one in fields(cls)}
    names = list(names) if names is not None else [one.name for one in by_name.values() if one.metadata.get("help")]
    rivals = {by_name[name].metadata["instead_of"] for name in names}
    for name in names:
        one, stated = by_name[name], by_name[name].metadata
        to = parser
        if grouped:
            to = parts.get(stated["part"]) or parts.setdefault(
                stated["part"], parser.add_argument_group(stated["part"])
            )
        if (rival := stated["instead_of"] or name) in rivals:
            to = either[rival] = either.get(rival) or to.add_mutually_exclusive_group()
        kind = _kind(hints[name])
        options: dict[str, Any] = {"help": stated["help"], "default": one.default if fill else None}
        if one.default is MISSING:
            options |= {"required": fill and stated["shown"] is None, "default": stated["shown"] if fill else None}
        elif show_default and not fill:
            options["help"] += f" ({show_default}: {one.default})"
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction if one.default is True else "store_true"
        else:
            options |= {"type": stated["read"] or kind, "metavar": stated["metavar"]}
            if stated["many"]:
                options["nargs"] = "+"
            if stated["bare"] is not None:
                options |= {"nargs": "?", "const": stated["bare"]}
            if (choices := _choices(one)) is not None and stated["metavar"] is None:
                options["choices"] = list(choices)
        if stated["positional"]:
            del options["default"], options["required"]
            to.add_argument(name, **options)
        else:
            to.add_argument(flag(name), *stated["aliases"], **options)


def table(cls: type) -> str:
    """The settings as a Markdown table: flag, default, meaning, values."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for one in fields(cls):
        if not one.metadata.get("help"):
            continue
        choices = _choices(one)
        known = f"; one of {', '.join(f'`{choice}`' for choice in choices)}" if choices is not None else ""
        names = ", ".join(f"`{name}`" for name in (flag(one.name), *one.metadata["aliases"]))
        default, shown = one.default, one.metadata["shown"]
        default = "must be given" if default is MISSING and shown is None else f"`{shown or default}`"
        rows.append(f"| {names} | {default} | {one.metadata['help']}{known} |")
    return "\n".join(rows) + "\n"


def _choices(one: Field) -> tuple | None:
    choices = one.metadata.get("choices")
    return choices if choices is None else tuple(choices() if callable(choices) else choices)


def _kind(hint: Any) -> type:
    """The type of a single value of a setting: `int` for `int | None` and for `tuple[int, ...]`."""
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
