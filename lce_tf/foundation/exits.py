"""The exit status of commands: errors that the input causes become one line and status 2."""

import os
import select
import sys

from lce_tf.errors import LostWorker, UserError

# A shell's status of a program that SIGPIPE ended.
NO_READER = 141
# sysexits.h's EX_TEMPFAIL: the request is not wrong, and may succeed when it is repeated.
TRY_AGAIN = 75


def guarded(run, *args, **kwargs) -> int:
    """Calls `run` and returns its exit status: 2 with one line for bad input, 75 for a lost worker, 130 after Ctrl-C.

    A full disk or an unwritable folder is also for the user to fix, so an OSError that names a file is reported in the
    same way. Where the reader of stdout has left, as `| head` does, nothing is said and the status is 141.
    """
    from lce_tf.foundation.homes import settle_places

    settle_places()
    try:
        status = run(*args, **kwargs) or 0
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except LostWorker as error:
        print(f"error: {error}", file=sys.stderr)
        return TRY_AGAIN
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _stdout_has_no_reader():
            return NO_READER
        if error.filename is None and error.errno is None:
            raise
        print(f"error: {error.filename or 'I/O'}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes from here", file=sys.stderr)
        return 130
    return 2


def _stdout_has_no_reader() -> bool:
    """Whether stdout is a pipe without a reader; stdout then becomes /dev/null, since Python flushes it on exit."""
    try:
        number = sys.stdout.fileno()
    except OSError:  # no file, as where a test captures it
        return False
    watch = select.poll()
    watch.register(number, 0)  # poll reports errors without being asked for them
    if not watch.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return True
