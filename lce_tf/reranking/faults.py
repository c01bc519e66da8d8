"""Restores this process's handlers of fault signals, such as SIGSEGV, after a library has replaced them."""

import contextlib
import ctypes
import signal
from collections.abc import Iterator

FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
# More bytes than `struct sigaction` has on any platform (152 on 64-bit Linux).
ROOM = 512


@contextlib.contextmanager
def kept_fault_handlers() -> Iterator[None]:
    """Restores the handlers of the signals in `FAULTS` at the end of the block.

    Ray installs its own handlers when it connects, and the system's default handlers when it disconnects. A JVM in the
    same process needs the JVM's handlers: it stops its threads by making them read a protected page, and without the
    handlers such a read ends the process with a segmentation fault. Python's `signal` cannot restore handlers set by a
    library, but the C library's `sigaction` can.
    """
    library = ctypes.CDLL(None)
    handlers = {number: ctypes.create_string_buffer(ROOM) for number in FAULTS}
    for number, handler in handlers.items():
        library.sigaction(int(number), None, handler)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            library.sigaction(int(number), handler, None)
