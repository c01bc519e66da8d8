"""Logs on stderr, one JSON object per line; they never contain a client's text."""

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime

LOGGER = logging.getLogger("lce_tf.serving")
WARNING = logging.WARNING
# Maximum records of one kind in so many seconds; records of requests are not limited.
_MOST, _SECONDS = 10, 60.0
# Number of kinds that are remembered.
_KINDS = 1000
# A client may send a path of any length.
_LONGEST_PATH = 200


class JsonLines(logging.Formatter):
    """A record as {"time", "level", "event", its `fields`}; for an exception its type and place, not its message."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage().strip()
        if not record.name.startswith(LOGGER.name):
            message = message.partition("\n")[0]  # asyncio's further lines may hold a client's text
        line = {"time": when, "level": record.levelname.lower(), "event": message}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["fault"] = place_of(record.exc_info[1])
        return json.dumps(line)


class Sparing(logging.Filter):
    """Passes few records of a kind per minute; the next one that passes has the number of suppressed ones."""

    def __init__(self, clock=time.monotonic):
        super().__init__()
        self._clock, self._seen = clock, {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == LOGGER.name and record.msg == "request":
            return True
        kind = record.name, record.levelno, str(record.msg).partition("\n")[0][:80]
        now = self._clock()
        begin, passed, held = self._seen.get(kind, (now, 0, 0))
        if now - begin >= _SECONDS:
            begin, passed = now, 0
        if passed == _MOST:
            self._seen[kind] = begin, passed, held + 1
            return False
        if held:
            record.fields = {**getattr(record, "fields", {}), "suppressed": held}
        if len(self._seen) > _KINDS:
            self._seen.clear()
        self._seen[kind] = begin, passed + 1, 0
        return True


def to_stderr() -> None:
    """Sends the server's records, and the warnings of uvicorn and asyncio, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Sparing())
    loggers = [(logging.getLogger(name), logging.WARNING) for name in ("uvicorn", "asyncio")]
    for logger, level in ((LOGGER, logging.INFO), *loggers):
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel(level)


def event(name: str, level: int = logging.INFO, **fields) -> None:
    """Logs an event of the server itself."""
    LOGGER.log(level, name, extra={"fields": fields})


def request(method: str, path: str, status: int, pairs: int, seconds: float, **further: str) -> None:
    """Logs an answered request; `further` says why it was refused (error) or what failed in the server (fault)."""
    fields = {"method": method, "path": path[:_LONGEST_PATH], "status": status, "pairs": pairs}
    level = logging.ERROR if "fault" in further else logging.INFO
    event("request", level, **fields, ms=round(seconds * 1000, 1), **further)


def place_of(error: BaseException) -> str:
    """The type of an exception and the line that raised it, without its message, which might quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__
