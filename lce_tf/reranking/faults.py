"""What this process does when it faults: kept from libraries that change it."""

import contextlib
import ctypes
import signal
from collections.abc import Iterator

FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
# More than the C library's `struct sigaction` takes on any platform (152 bytes on 64-bit Linux).
ROOM = 512


@contextlib.contextmanager
def kept_fault_handlers() -> Iterator[None]:
    """A block after which the process handles faults as before it.

    Ray puts its own handlers in place when it connects and the system's when it leaves. A JVM in the same process
    stops its threads by reading a page that it has closed, and its handler is what makes that no fault: without it,
    the process ends in a segmentation fault at some later moment. Python's `signal` cannot put back what a library
    has set, the C library can.
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
