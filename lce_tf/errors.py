"""Errors caused by the input, and the wrapper of all commands that turns them into exit statuses."""

import sys

# sysexits.h's EX_TEMPFAIL: the request is not wrong, and may succeed when it is repeated.
TRY_AGAIN = 75


class UserError(Exception):
    """A fault in what the user gave: one line that names the file, line or value and what to do."""


class LostWorker(Exception):
    """Another process of the same job ended: one line; the same command resumes once all are back."""


def guarded(run, *args, **kwargs) -> int:
    """Calls `run` and returns its exit status: 2 with one line for bad input, 75 for a lost worker, 130 after Ctrl-C.

    A full disk or an unwritable folder is also for the user to fix, so an OSError that names a file is reported in the
    same way.
    """
    from lce_tf.homes import settle_places

    settle_places()
    try:
        return run(*args, **kwargs) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except LostWorker as error:
        print(f"error: {error}", file=sys.stderr)
        return TRY_AGAIN
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        print(f"error: {error.filename or 'I/O'}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes from here", file=sys.stderr)
        return 130
    return 2
