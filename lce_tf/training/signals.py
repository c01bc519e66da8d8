"""Ctrl-C and SIGTERM while training."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Records the first signal, so that the step in progress can finish and be saved; a second one interrupts at once.

    A context manager that restores the handlers. Outside the main thread, where Python does not allow signal handlers,
    it changes nothing.

    Attributes:
        asked: whether a signal came.
    """

    def __init__(self):
        self.asked = False
        self._before = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
