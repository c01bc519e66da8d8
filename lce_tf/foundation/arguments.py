"""Shared parts of the commands: their argument parsers, `main` functions and types of arguments."""

import argparse
import difflib
import functools
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from lce_tf.errors import UserError
from lce_tf.foundation.exits import guarded
from lce_tf.foundation.option_files import with_files
from lce_tf.foundation.xla import set_flags

# What the help of every command says below its example.
FILES = "@FILE stands for the options in a file: one or more a line, # begins a comment."


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults that are not None, and keeps the line breaks of the description and the example."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, like those of the commands, and name the option that was probably meant."""

    _given: Sequence[str] = ()

    def parse_args(self, args=None, namespace=None):
        """As `argparse.ArgumentParser.parse_args`, with the options of each `@FILE` in its place."""
        try:
            args = with_files(sys.argv[1:] if args is None else args)
        except UserError as error:
            self.error(str(error))
        self._given = args
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = self._chosen(found)
            options = (one.partition("=")[0] for one in unknown if one.startswith("-"))
            known = parser._option_string_actions
            close = [name for one in options for name in difflib.get_close_matches(one, known, 1)]
            meant = f", did you mean {close[0]}?" if close else ""
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return found

    def _chosen(self, found: argparse.Namespace) -> argparse.ArgumentParser:
        """The parser of the subcommand that was named, whose options were read last; this one without subcommands."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return action.choices[getattr(found, action.dest)]
        return self

    def error(self, message: str) -> NoReturn:
        """Ends the process with status 2."""
        required = message.partition("are required: ")[2].split(", ")
        names = [str(one.metavar or one.dest) for one in self._actions if not one.option_strings]
        absent = [name for name in names if name in required]
        many = [name for one in self._actions if one.nargs == "+" for name in one.option_strings if name in self._given]
        if absent and many:
            message += f" ({many[0]} takes all values up to the next option; put -- before {absent[0]})"
        self.exit(2, f"error: {message}; {self.prog} --help shows the options\n")


def program_of(command: str) -> str:
    """How the command was called, for its usage line: `lce NAME` or `python -m lce_tf.NAME`."""
    short = f"lce {command}"
    return short if sys.argv[0] == short else f"python -m lce_tf.{command}"


def parser_for(command: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser for the command, whose help ends with an example to paste.

    Args:
        command: name of the command's module.
        description: what the command does.
        example: a complete command line, and what there is to say below it.
    """
    return CommandParser(
        prog=program_of(command),
        description=description,
        epilog=f"example:\n  {example}\n\n{FILES}\n",
        formatter_class=HelpFormatter,
    )


class _CallableModule(types.ModuleType):
    """Module of a command; calling it calls its function of the same name: `from lce_tf import train; train(...)`."""

    def __call__(self, *args, **kwargs):
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


def callable_module(module: str) -> None:
    """Makes the module of a command callable: calling it calls its function of the same name.

    `lce_tf.train` must be a module, because `python -m lce_tf.train` runs it. `from lce_tf import train` therefore
    gives the module, whatever was imported before, and calling it trains.
    """
    sys.modules[module].__class__ = _CallableModule


def command_main(
    parser: Callable[[], argparse.ArgumentParser], run: Callable[[argparse.Namespace], int | None]
) -> Callable[[Sequence[str] | None], int]:
    """The `main` function of a command, which parses the command line, calls `run` and returns the exit status.

    Args:
        parser: returns the command's argument parser.
        run: called with the parsed arguments; returns an exit status, None for 0. For the exit statuses of errors and
            interruptions see `guarded`.
    """

    def main(argv: Sequence[str] | None = None) -> int:
        quiet_tensorflow()
        return guarded(run, parser().parse_args(argv))

    return main


def quiet_tensorflow() -> None:
    """Silences TensorFlow's start-up messages unless TF_CPP_MIN_LOG_LEVEL is set; call before importing TensorFlow.

    Also sets XLA's flags for GPUs, which are likewise read when TensorFlow starts, and silences transformers' advice to
    install PyTorch, which scoring does without.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Names tf_keras, which the models use, as TensorFlow's Keras. By default TensorFlow imports Keras 3 as well, which
    # imports scikit-learn, OpenCV and Matplotlib: 2 s and 100 MB in each process.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
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


@wants("a whole number, 0 or more")
def none_or_more(text: str) -> int:
    """A whole number of 0 or more."""
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


@wants("a whole number above 0, such as 2")
def count(text: str) -> int:
    """A whole number above 0."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
