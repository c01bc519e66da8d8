"""The server's command line settings: limits, and the token that clients must send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.reranking.pairs import Pair
from lce_tf.serving.refused import Refused

TOKEN_VARIABLE = "LCE_TOKEN"


@dataclass(frozen=True)
class Limits:
    """Limits on requests, and how they are batched.

    Attributes:
        max_body_mb: of a request's body, in 10⁶ bytes.
        max_pairs: per request.
        max_chars: per text, in Unicode characters.
        timeout: seconds from a request's first line to its answer.
        max_queue_pairs: pairs that may wait to be scored.
        max_batch_pairs: pairs scored together, unless a single request has more.
        batch_wait_ms: milliseconds that an idle model waits for more pairs.
        max_connections: open connections, and requests in progress; probes have some extra.
        header_timeout: seconds in which a request's head must arrive.
    """

    max_body_mb: float = 8.0
    max_pairs: int = 1000
    max_chars: int = 100_000
    timeout: float = 30.0
    max_queue_pairs: int = 4096
    max_batch_pairs: int = 128
    batch_wait_ms: float = 2.0
    max_connections: int = 1024
    header_timeout: float = 10.0

    def __post_init__(self):
        for field in fields(self):
            value, option = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            least = 0 if field.name == "batch_wait_ms" else 1e-3
            if not least <= value < float("inf"):  # NaN is neither
                raise UserError(f"{option} {value:g}: give {'0 or more' if not least else 'a number above 0'}")
        if self.max_queue_pairs < self.max_pairs:
            raise UserError(
                f"--max-queue-pairs {self.max_queue_pairs}: a request may have --max-pairs {self.max_pairs}; "
                "the queue must hold at least as many"
            )

    @property
    def body_bytes(self) -> int:
        """Maximum bytes of a body."""
        return int(self.max_body_mb * 1_000_000)

    def check(self, pairs: Sequence[Pair]) -> None:
        """Checks a request's pairs.

        Raises:
            Refused: too many pairs, or a text that is too long; status 413.
        """
        if len(pairs) > self.max_pairs:
            raise Refused(413, f"{len(pairs)} pairs in one request; {self.max_pairs} are allowed, send several")
        for i, pair in enumerate(pairs):
            longest = max(map(len, pair))
            if longest > self.max_chars:
                raise Refused(
                    413, f"pair {i} has a text of {longest} characters; {self.max_chars} are allowed, shorten it"
                )


def read_token(file: str | None, environment: Mapping[str, str]) -> str | None:
    """The token that clients must send; None: anyone is served.

    Args:
        file: its only line is the token; it takes precedence over the environment.
        environment: may have LCE_TOKEN.

    Raises:
        UserError: the token is empty or cannot stand in an HTTP header; the server is not started without protection.
    """
    if file is not None:
        source, text = file, Path(file).read_bytes().decode("utf-8", "replace").strip()
    elif TOKEN_VARIABLE in environment:
        source, text = TOKEN_VARIABLE, environment[TOKEN_VARIABLE].strip()
    else:
        return None
    if not text:
        raise UserError(f"{source}: holds no token; write one, or leave it out to serve anyone")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UserError(f"{source}: the token must be one word of ASCII characters")
    return text
