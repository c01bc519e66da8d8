"""Options in a file: `@FILE` on a command line stands for the arguments that the file holds."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from lce_tf.errors import UserError

# Matches a line with a # within a word, before any comment and outside quotation marks, where shlex would cut the word.
_INNER = re.compile(r"""(?:[^#'"\\]|\\.|'[^']*'|"(?:\\.|[^"\\])*")*(?<=[^\s])(?<!^)#""")


def with_files(arguments: Sequence[str], outer: tuple[str, ...] = ()) -> list[str]:
    """The arguments, with each `@FILE` replaced by those in the file.

    A line is split into arguments as a POSIX shell would; a word that begins with `#` begins a comment. A file may name
    others; relative paths are those of the working directory.

    Args:
        outer: paths of the files that are being read, without symbolic links.

    Raises:
        UserError: a file cannot be read, names itself, or has a line that cannot be split.
    """
    found: list[str] = []
    for argument in arguments:
        if not (argument.startswith("@") and len(argument) > 1):
            found.append(argument)
            continue
        path = argument[1:]
        if (real := os.path.realpath(path)) in outer:
            raise UserError(f"{argument}: is read already and would be without end; leave it out of {outer[-1]}")
        found += with_files(_arguments_in(path), (*outer, real))
    return found


def _arguments_in(path: str) -> list[str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        absent = isinstance(error, FileNotFoundError)
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        reason = "no such file" if absent else f"cannot be read ({reason})"
        raise UserError(f"@{path}: {reason}; name a file of options after the @") from error
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _INNER.match(line):
            raise UserError(f"{path}:{number}: has a # within a word; quote the word, or put a space before a comment")
        try:
            found += shlex.split(line, comments=True)
        except ValueError as error:
            raise UserError(
                f"{path}:{number}: has an open quotation or ends with a backslash; a line holds whole options"
            ) from error
    return found
