"""The server's command line settings: limits, and the token that clients must send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.settings import check, setting
from lce_tf.reranking.pairs import Pair
from lce_tf.serving.refused import Refused

TOKEN_VARIABLE = "LCE_TOKEN"
_COUNT = {"at_least": 1, "give": "give a number above 0"}
_AMOUNT = {"at_least": 1e-3, "below": 1e6, "give": "give a number above 0 and below 1000000"}


@dataclass(frozen=True)
class Limits:
    """Limits on requests, queue and connections, and on the batches that are scored together."""

    max_body_mb: float = setting(8.0, "10^6 bytes of a request's body", **_AMOUNT)
    max_pairs: int = setting(1000, "pairs of a request", **_COUNT)
    max_chars: int = setting(100_000, "characters of a text", **_COUNT)
    timeout: float = setting(30.0, "seconds that a request may take", **_AMOUNT)
    max_queue_pairs: int = setting(4096, "pairs that may wait", **_COUNT)
    max_batch_pairs: int = setting(128, "pairs scored together, unless one request alone has more", **_COUNT)
    batch_wait_ms: float = setting(
        2.0,
        "milliseconds for which an idle model waits for more pairs",
        at_least=0,
        below=1e6,
        give="give 0 or more and below 1000000",
    )
    max_connections: int = setting(
        1024, "connections that may be open, and requests in work; probes have room beyond it", **_COUNT
    )
    header_timeout: float = setting(10.0, "seconds for a request's head to arrive", **_AMOUNT)

    def __post_init__(self):
        check(self)
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
