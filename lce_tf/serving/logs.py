"""Logs on stderr, one JSON object a line; never a text that a client sent."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

LOGGER = logging.getLogger("lce_tf.serving")
# A path can be as long as a client likes.
_LONGEST_PATH = 200


class JsonLines(logging.Formatter):
    """A record as {"time", "level", "event", its `fields`}; of an exception the kind and place, not the message."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage().strip()}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["fault"] = place_of(record.exc_info[1])
        return json.dumps(line)


def to_stderr() -> None:
    """Sends the server's records, and uvicorn's warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for logger, level in ((LOGGER, logging.INFO), (logging.getLogger("uvicorn"), logging.WARNING)):
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel(level)


def event(name: str, level: int = logging.INFO, **fields) -> None:
    """Logs something that happened to the server itself."""
    LOGGER.log(level, name, extra={"fields": fields})


def request(method: str, path: str, status: int, pairs: int, seconds: float, **further: str) -> None:
    """Logs a request that was answered; `further` has why it was refused (error) or what failed here (fault)."""
    fields = {"method": method, "path": path[:_LONGEST_PATH], "status": status, "pairs": pairs}
    level = logging.ERROR if "fault" in further else logging.INFO
    event("request", level, **fields, ms=round(seconds * 1000, 1), **further)


def place_of(error: BaseException) -> str:
    """The kind of an exception and the line that raised it. Its message might quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__
