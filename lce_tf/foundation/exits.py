"""The exit status of commands: errors that the input causes become one line and status 2."""

import os
import select
import sys

from lce_tf.errors import LostWorker, UserError

# Exit status that a shell reports for a program that SIGPIPE ended.
NO_READER = 141
# EX_TEMPFAIL of sysexits.h: a temporary failure; the same command may succeed when it is repeated.
TRY_AGAIN = 75


def guarded(run, *args, **kwargs) -> int:
    """Calls `run` and returns its exit status: 2 with one line for bad input, 75 for a lost worker, 130 after Ctrl-C.

    An OSError that has an errno or names a file, such as a full disk or an unwritable folder, is reported like bad
    input, because the user can fix it. If stdout is a pipe whose reader has ended, as `| head` does, nothing is printed
    and the status is 141.
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
