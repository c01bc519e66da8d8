"""The exit status of commands: errors that the input causes become one line and status 2."""

import io
import os
import select
import signal
import sys

import lce_tf
from lce_tf.errors import LostWorker, UserError

# Exit status that a shell reports for a program that SIGPIPE ended.
NO_READER = 141
# EX_TEMPFAIL of sysexits.h: a temporary failure; the same command may succeed when it is repeated.
TRY_AGAIN = 75


def guarded(run, *args, **kwargs) -> int:
    """Calls `run` and returns its exit status: 2 with one line for bad input, 75 for a lost worker, 130 after Ctrl-C.

    An OSError that has an errno or names a file, such as a full disk or an unwritable folder, and too little memory are
    reported like bad input, because the user can do something about them. If stdout is a pipe whose reader has ended,
    as `| head` does, nothing is printed and the status is 141.
    """
    from lce_tf.foundation.homes import settle_places

    settle_places()
    _ready_streams()
    try:
        if signal.getsignal(signal.SIGINT) is lce_tf.interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = run(*args, **kwargs) or 0
        sys.stdout.flush()
        return status
    except UserError as error:
        _say(f"error: {error}")
    except LostWorker as error:
        _say(f"error: {error}")
        return TRY_AGAIN
    except MemoryError as error:
        reason = (str(error).splitlines() or ["no more could be allocated"])[0]
        _say(f"error: not enough memory ({reason}); give smaller numbers, or use a larger machine")
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _stdout_has_no_reader():
            return NO_READER
        if error.filename is None and error.errno is None:
            raise
        _say(f"error: {error.filename or 'standard input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        _say("interrupted; the same command continues from whatever was saved")
        return 130
    return 2


def _ready_streams() -> None:
    """Makes stdout and stderr usable where they are closed, and where their encoding lacks a character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _say(line: str) -> None:
    """Prints one line to stderr; control characters of a file's name, such as line ends, are escaped."""
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), file=sys.stderr)


def _stdout_has_no_reader() -> bool:
    """Whether stdout is a pipe without a reader.

    If so, stdout is redirected to /dev/null, so that flushing it when Python exits does not fail.
    """
    try:
        number = sys.stdout.fileno()
    except OSError:  # stdout is not a file, as when a test captures it
        return False
    watch = select.poll()
    watch.register(number, 0)  # poll reports errors even if no event is asked for
    if not watch.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return True
