"""Protects this process's signal handlers for faults from libraries that replace them."""

import contextlib
import ctypes
import signal
from collections.abc import Iterator

FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
# More bytes than `struct sigaction` has on any platform (152 on 64-bit Linux).
ROOM = 512


@contextlib.contextmanager
def kept_fault_handlers() -> Iterator[None]:
    """Restores the handlers for faults at the end of the block.

    Ray installs its own handlers when it connects and the system's when it leaves. But a JVM in the same process needs
    its handlers: it stops its threads by making them read a protected page. Without them the process ends later in a
    segmentation fault. Python's `signal` cannot restore handlers set by a library, but the C library can.
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
