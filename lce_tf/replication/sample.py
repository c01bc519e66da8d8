"""A small part of a data set, as a folder in MS MARCO's layout."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lce_tf.data.datasets import Dataset
from lce_tf.data.qrels import relevant, write_qrels
from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, written


def write_sample(dataset: Dataset, splits: Sequence[str], share: float, folder: Path) -> Path:
    """Writes about `share` of the passages, with the queries all of whose relevant passages are among them.

    The choice of passages depends on their ids alone. An existing folder is left as it is.

    Raises:
        UserError: a split would be left without queries.
    """
    if folder.is_dir():
        return folder
    with built_folder(folder) as scratch:
        kept = set()
        with written(scratch / "collection.tsv") as file:
            for passage in dataset.passages():
                if _drawn(passage.passage_id) < share:
                    kept.add(passage.passage_id)
                    file.write(f"{passage.passage_id}\t{passage.text}\n")
        for split in splits:
            qrels, texts = dataset.qrels(split), dataset.queries(split)
            chosen = [
                query for query, ids in relevant(qrels).items() if ids and query in texts and kept.issuperset(ids)
            ]
            if not chosen:
                raise UserError(f"{dataset.name}: {share:.0%} of it leaves no query in {split}; take a larger share")
            with written(scratch / f"queries.{split}.tsv") as file:
                file.writelines(f"{query}\t{texts[query]}\n" for query in chosen)
            write_qrels({query: qrels[query] for query in chosen}, scratch / f"qrels.{split}.txt")
    return folder


def _drawn(passage_id: str) -> float:
    # Salted, so that the sample is independent of splits that a collection makes by a hash of the id.
    return int.from_bytes(hashlib.sha256(f"sample {passage_id}".encode()).digest()[:8]) / 2**64
