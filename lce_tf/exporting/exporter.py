"""The base class of export formats, and the formats by name: `EXPORTERS["hf"]`."""

from pathlib import Path

from lce_tf.foundation.registry import Registry


class Exporter:
    """Base class of the formats that a trained cross-encoder can be exported to.

    Attributes:
        key: the format's name after `--format`; a class outside this package is named by its class path instead.
        help: one line for `lce list exporters`.
    """

    key: str = ""
    help: str = ""

    @staticmethod
    def write(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
        """Writes the checkpoint in `folder` to the new or empty folder `output` and returns that folder.

        Args:
            license: SPDX identifier to record in the output.
        """
        raise TypeError("this exporter does not define how it writes")


EXPORTERS = Registry("lce_tf.exporting", "--format", Exporter, "lce_tf.exporting.exporter.Exporter")
