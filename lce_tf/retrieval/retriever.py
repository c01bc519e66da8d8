"""The base class of first-stage retrievers: settings, a line of help, and a search."""

from dataclasses import dataclass
from typing import ClassVar

from lce_tf.data.records import Dataset
from lce_tf.data.runs import Run
from lce_tf.foundation.settings import check


@dataclass(frozen=True)
class Retriever:
    """A retriever: a frozen dataclass whose fields are options of `lce retrieve`.

    `lce_tf.foundation.settings.setting` makes the fields.

    Attributes:
        key: name on the command line; a class outside this package is named by its class path instead.
        help: one line for `lce list retrievers`.
        example: commands shown at the end of `lce retrieve KEY --help`.
    """

    key: ClassVar[str] = ""
    help: ClassVar[str] = ""
    example: ClassVar[str] = ""

    def __post_init__(self):
        check(self)

    def inputs(self) -> tuple[str | None, ...]:
        """Files and folders that `search` reads besides the data set; the output must not be among them."""
        return ()

    def search(self, dataset: Dataset, split: str | None, depth: int, threads: int | None, judged: bool) -> Run:
        """The run of the split's queries; an implementation gets their texts from `lce_tf.retrieval.queries_to_search`.

        Args:
            depth: maximum number of passages per query.
            threads: processors to use; None: all.
            judged: search only for queries with a relevant passage.
        """
        raise TypeError(f"{type(self).__name__} does not define a search")
