"""The one exception that means "this request is not served"."""

from collections.abc import Mapping

# Nginx's number for a client that went away before its answer: seen in logs and metrics only.
CLIENT_GONE = 499


class Refused(Exception):
    """A request that gets no scores: an HTTP status, one line that says why, and further headers.

    The line never holds the request's texts, since it is logged.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None):
        super().__init__(line)
        self.status, self.line, self.headers = status, line, dict(headers or {})
