"""What the doors' command lines have in common."""

import argparse
import functools
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from lce_tf.foundation.exits import guarded
from lce_tf.foundation.xla import set_flags


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, where there are any, and leaves the example as it was written."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


def parser_for(door: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser for `python -m lce_tf.DOOR` that ends its help with an example to paste."""
    return argparse.ArgumentParser(
        prog=f"python -m lce_tf.{door}",
        description=description,
        epilog=f"example:\n  {example}\n",
        formatter_class=HelpFormatter,
    )


class _Door(types.ModuleType):
    """A door's module that can be called as the function of its name: `from lce_tf import train; train(...)`."""

    def __call__(self, *args, **kwargs):
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


def callable_door(module: str) -> None:
    """Lets a door's module be called like the function in it that has its name.

    `lce_tf.train` is a module, as `python -m lce_tf.train` needs one. Whichever is imported first, `from lce_tf import
    train` gives that module, and calling it trains.
    """
    sys.modules[module].__class__ = _Door


def door(
    parser: Callable[[], argparse.ArgumentParser], run: Callable[[argparse.Namespace], int | None]
) -> Callable[[Sequence[str] | None], int]:
    """The `main` of a door: has `run` do what the command line asks for and returns the exit status.

    Args:
        run: may return a status of its own; None is 0. See `guarded` for those of errors and interruptions.
    """

    def main(argv: Sequence[str] | None = None) -> int:
        quiet_tensorflow()
        return guarded(run, parser().parse_args(argv))

    return main


def quiet_tensorflow() -> None:
    """Keeps TensorFlow's start-up chatter off the terminal unless the user asked for it; call before its import.

    XLA's flags for GPUs are set here as well, since they too are read when TensorFlow starts.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    set_flags()


def names(text: str) -> list[str]:
    """A comma-separated argument as a list."""
    return [part for part in text.split(",") if part]


def wants(what: str) -> Callable[[Callable[[str], Any]], Callable[[str], Any]]:
    """Decorator for argparse `type=` functions: turns their ValueError into an error that says what is expected.

    argparse then exits with status 2.
    """

    def saying(read: Callable[[str], Any]) -> Callable[[str], Any]:
        @functools.wraps(read)
        def reading(text: str) -> Any:
            try:
                return read(text)
            except ValueError as error:
                raise argparse.ArgumentTypeError(f"{text!r}: give {what}") from error

        return reading

    return saying


@wants("whole numbers with commas between, such as 1,2,3")
def numbers(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers."""
    return tuple(int(part) for part in names(text))


@wants("a whole number above 0, such as 2")
def count(text: str) -> int:
    """A whole number above 0."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
