"""What `lce train` leaves in a folder beside the checkpoint: the files' names, and what they say."""

from pathlib import Path
from typing import Any

from lce_tf.foundation.disk import TRAINING
from lce_tf.foundation.files import read_json_lines


class TrainingFolder:
    """A training on the disk, begun or not.

    Attributes:
        manifest: its configuration, the hashes of its inputs and the versions of packages.
        metrics: a line of figures every `log_every` steps.
        state: what resuming needs.
        summaries: TensorBoard's.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder)
        self.manifest, self.metrics = self.path / "manifest.json", self.path / "metrics.jsonl"
        self.state, self.summaries = self.path / "checkpoints", self.path / "summaries"

    @property
    def begun(self) -> bool:
        """Whether a training has begun here."""
        return self.manifest.is_file()

    @property
    def finished(self) -> bool:
        """Whether the trained checkpoint is here; its configuration is written last."""
        return (self.path / "config.json").is_file()

    def facts(self) -> dict[str, Any]:
        """What the manifest says.

        Raises:
            UserError: there is none, or it is of another version, or no manifest of a training.
        """
        return TRAINING.read(self.manifest)

    def figures(self) -> list[dict[str, Any]]:
        """The lines of figures so far, each with its step."""
        return read_json_lines(self.metrics) if self.metrics.is_file() else []
