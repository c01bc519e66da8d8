"""The files that `lce train` writes beside the checkpoint: their paths and contents."""

from pathlib import Path
from typing import Any

from lce_tf.foundation.disk import TRAINING
from lce_tf.foundation.files import read_json_lines


class TrainingFolder:
    """The files of one training in its output folder; they exist only once the training has begun.

    Attributes:
        manifest: path of the configuration, the hashes of the inputs and the versions of packages.
        metrics: path of the figures, one JSON object per line, written every `log_every` steps.
        state: folder of the checkpoints from which a training resumes.
        summaries: folder of TensorBoard's files.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder)
        self.manifest, self.metrics = self.path / "manifest.json", self.path / "metrics.jsonl"
        self.state, self.summaries = self.path / "checkpoints", self.path / "summaries"

    @property
    def begun(self) -> bool:
        """Whether a training has begun here: it first writes the manifest."""
        return self.manifest.is_file()

    @property
    def finished(self) -> bool:
        """Whether the trained checkpoint is here; a training writes its `config.json` last."""
        return (self.path / "config.json").is_file()

    def facts(self) -> dict[str, Any]:
        """The contents of the manifest.

        Raises:
            UserError: there is none, it has a version that is not supported, or it is not a JSON object.
        """
        return TRAINING.read(self.manifest)

    def figures(self) -> list[dict[str, Any]]:
        """The figures so far, oldest first, each with its step; [] if there are none."""
        return read_json_lines(self.metrics) if self.metrics.is_file() else []
