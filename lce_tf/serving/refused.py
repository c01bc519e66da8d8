"""The one exception that means "this request is not served"."""

from collections.abc import Mapping

# Nginx's status for a client that closed the connection before its answer; used only in logs and metrics.
CLIENT_GONE = 499


class Refused(Exception):
    """A request that gets no scores: an HTTP status, one line with the reason, and further headers.

    The line is logged, so it never contains the request's texts.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None):
        super().__init__(line)
        self.status, self.line, self.headers = status, line, dict(headers or {})
