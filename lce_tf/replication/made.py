"""Hashes and defaults that stand in the records of tables' products."""

import hashlib
import json
from collections.abc import Mapping

from lce_tf.data.qrels import Qrels
from lce_tf.retrieval import bm25
from lce_tf.training.config import DEFAULTS

# Values to assume for settings missing from a record: records written before the setting existed behave as if it had
# this value, and a setting at this value is not written.
WHEN_ABSENT = {**DEFAULTS, "k1": bm25.K1, "b": bm25.B, "language": "en", "prebuilt": None}
WHEN_ABSENT = json.loads(json.dumps(WHEN_ABSENT))  # in JSON's types, as records are


def hashes(texts: Mapping[str, str], qrels: Qrels | None) -> dict[str, str]:
    """SHA-256 of queries and, unless None, of judgments, as settings; their order does not matter."""
    inputs = {"queries_sha256": texts} | ({} if qrels is None else {"qrels_sha256": qrels})
    digests = {name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()) for name, value in inputs.items()}
    return {name: digest.hexdigest() for name, digest in digests.items()}
