"""Warnings about bad numbers: steps with NaN or infinity, and a model that no longer tells passages apart."""

import math
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.files import write_json
from lce_tf.groups.sampler import Groups
from lce_tf.losses import LOSSES
from lce_tf.tokens.store import TokenStore
from lce_tf.training.config import TrainConfig

# Number of successive steps with a loss or gradient that is not finite after which training stops; a training of fewer
# steps stops if all of them are such.
PATIENCE = 20
# Steps that a collapse must last before a warning.
WINDOW = 100
# A model that has learnt nothing has at least this share of its blind loss; scores within EQUAL count as equal.
KNOWS_NOTHING, EQUAL = 0.99, 1e-4


class Watch:
    """Checks each step's figures.

    Attributes:
        skipped: steps since the last `reset` that changed no weight, because their loss or gradient was not finite.
    """

    def __init__(self, config: TrainConfig):
        self._blind = LOSSES[config.loss](**config.options_of_loss).blind(config.counted)
        self._patience = min(PATIENCE, config.steps)
        self._settled = math.ceil(config.warmup * config.steps)
        self._strange = self._equal = self._stuck = self.skipped = 0
        self._said: set[str] = set()

    def reset(self) -> None:
        """Restarts the count of skipped steps."""
        self.skipped = 0

    def take(self, loss: float, norm: float, scale: float | None) -> bool:
        """Counts a step; returns whether its figures are finite, but for overflows while the loss scale is too high.

        Args:
            scale: the loss scale; None if the loss is not scaled.
        """
        self.skipped += not math.isfinite(norm)
        overflows = scale is not None and scale > 1
        sound = math.isfinite(loss) and (overflows or math.isfinite(norm))
        self._strange = 0 if sound else self._strange + 1
        return sound

    @property
    def gives_up(self) -> bool:
        """Whether too many successive steps were not finite."""
        return self._strange >= self._patience

    def warning(self, step: int, loss: float, spread: float) -> str | None:
        """A warning when a collapse has lasted for `WINDOW` steps; each kind is reported once.

        Args:
            spread: mean over groups of (max - min) score.
        """
        self._equal = self._equal + 1 if spread <= EQUAL else 0
        stuck = step > self._settled and self._blind > 0 and loss >= KNOWS_NOTHING * self._blind
        self._stuck = self._stuck + 1 if stuck else 0
        if self._equal == WINDOW:
            return self._once(
                "equal",
                f"step {step}: for {WINDOW} steps all passages of a query have had the same score (they differ by "
                f"{spread:.1e}); the model has collapsed: lower --learning-rate, or start from another --seed",
            )
        if self._stuck == WINDOW:
            return self._once(
                "stuck",
                f"step {step}: for {WINDOW} steps the loss has not been below {self._blind:.3f}, that of a model which "
                f"cannot tell passages apart (now {loss:.3f}); check the run's judgments, or try another "
                "--learning-rate",
            )
        return None

    def _once(self, kind: str, line: str) -> str | None:
        if kind in self._said:
            return None
        self._said.add(kind)
        return f"warning: {line}"


def give_up(step: int, loss: float, norm: float, dealt: Groups, queries: TokenStore, passages: TokenStore, to: Path):
    """Writes the groups of the last step into the file `to`, then raises a UserError that names it."""
    named = [
        {"query": queries.text_ids[query].decode(), "passages": [passages.text_ids[row].decode() for row in members]}
        for query, members in zip(dealt.query_rows, dealt.passage_rows, strict=True)
    ]
    write_json(to, {"step": step, "loss": str(loss), "gradient_norm": str(norm), "groups": named})
    raise UserError(
        f"step {step}: the loss or its gradient has not been finite for {min(PATIENCE, step)} steps (the loss is "
        f"{loss}); {to} names the last step's queries; lower --learning-rate or try --precision float32"
    )
