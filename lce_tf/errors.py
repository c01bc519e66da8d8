"""The one exception that means "the input is wrong", and the door frame that turns it into exit status 2."""

import sys

# sysexits.h's EX_TEMPFAIL: nothing is wrong with what was asked for, and it may well succeed when it is tried again.
TRY_AGAIN = 75


class UserError(Exception):
    """Something the user gave is wrong: one line that names the file, line or value and the way out."""


class LostWorker(Exception):
    """Another process that this one works with went away: one line, and the same command goes on once all are back."""


def guarded(run, *args, **kwargs) -> int:
    """Calls `run` and returns its exit status: 2 with one line for bad input, 75 for a lost worker, 130 after Ctrl-C.

    A full disk or a folder that cannot be written is the user's to mend as well, so an OSError that names a
    file is reported in the same way.
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
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 2
