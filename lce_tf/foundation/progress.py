"""Progress of long work on stderr: a bar on a terminal, otherwise a line every `LINE_EVERY` seconds."""

import sys
import threading
import time

from tqdm import tqdm

# Minimum seconds between two lines where stderr is not a terminal.
LINE_EVERY = 30.0

# Bars of one process only share the terminal. tqdm's own lock is a semaphore for several processes, which a task's
# process that is ended by a signal leaves behind, and of which Python then warns.
tqdm.set_lock(threading.RLock())


class Progress:
    """Counts work done, with its rate and the time left.

    Args:
        what: name of the work.
        total: amount of work; None if unknown.
        unit: what is counted, such as "pairs" or "steps".
        initial: work done by an earlier, interrupted call.
        quiet: show nothing.
    """

    def __init__(self, what: str, total: int | None, unit: str, initial: int = 0, quiet: bool = False):
        hidden = True if quiet else None  # None: tqdm shows the bar only on a terminal
        self._bar = tqdm(
            total=total, initial=initial, desc=what, unit=f" {unit}", disable=hidden, dynamic_ncols=True, leave=False
        )
        self._quiet = quiet
        self._what, self._total, self._unit, self._done, self._first = what, total, unit, initial, initial
        self._start = self._last = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind, *_) -> None:
        self._bar.close()
        # Without a total the lines do not show the end, so one more line reports it.
        if self._total is None and self._last > self._start and kind is None and not self._quiet:
            clock = _clock(time.monotonic() - self._start)
            print(f"{self._what}: {self._done} {self._unit} in {clock}", file=sys.stderr, flush=True)

    def advance(self, amount: int, **figures: str) -> None:
        """Adds work done; `figures` are shown beside the count."""
        self._done += amount
        if not self._bar.disable:
            if figures:
                self._bar.set_postfix(figures, refresh=False)
            self._bar.update(amount)
        elif not self._quiet and (now := time.monotonic()) - self._last >= LINE_EVERY:
            self._last = now
            print(self._line(now, figures), file=sys.stderr, flush=True)

    def _line(self, now: float, figures: dict[str, str]) -> str:
        rate = (self._done - self._first) / max(now - self._start, 1e-9)
        shown = "".join(f", {name} {value}" for name, value in figures.items())
        if self._total is None:
            return f"{self._what}: {self._done} {self._unit}, {rate:.1f} {self._unit}/s{shown}"
        left = (self._total - self._done) / max(rate, 1e-9)
        return (
            f"{self._what}: {self._done}/{self._total} {self._unit} ({self._done / max(self._total, 1):.0%}), "
            f"{rate:.1f} {self._unit}/s, {_clock(left)} left{shown}"
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
