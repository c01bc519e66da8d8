"""Opens a trained cross-encoder for reranking: its folder, tokenizer, pair lengths and scoring."""

from pathlib import Path
from typing import NamedTuple

from lce_tf.errors import UserError
from lce_tf.model import checkpoint, classifiers, hub
from lce_tf.model.config import Lengths, Scoring
from lce_tf.tokens.tokenizers import WordPieces

# How to read words that spell a special token, such as [SEP]: as plain text, as that token, or ("auto") as the library
# that made the checkpoint does.
SPECIAL_WORDS = ("auto", "text", "token")


class Opened(NamedTuple):
    """A trained cross-encoder without its weights, which `open_engine(folder)` loads."""

    folder: Path
    tokenizer: WordPieces
    scoring: Scoring
    lengths: Lengths


def open_checkpoint(
    name: str | Path,
    query_length: int | None = None,
    sequence_length: int | None = None,
    window: int | None = None,
    stride: int | None = None,
    windows: int | None = None,
    special_words: str = "auto",
) -> Opened:
    """The folder, tokenizer, scoring and lengths of a checkpoint, checked against each other.

    Args:
        name: anything that `checkpoint.locate` takes.
        query_length, sequence_length, window, stride, windows: replace values of the checkpoint's `Lengths`, in which a
            window is as long as a passage.
        special_words: see `SPECIAL_WORDS`.

    Raises:
        UserError: it is not a checkpoint, its parts do not fit together, or the model has fewer positions than
            requested.
    """
    folder = checkpoint.locate(name)
    config, scoring, lengths = checkpoint.trained(folder)
    if special_words not in SPECIAL_WORDS:
        raise UserError(f"--special-words {special_words!r}: known are {', '.join(SPECIAL_WORDS)}")
    reference = classifiers.reads_special_words(hub.read_config(folder))
    tokenizer = WordPieces(folder, special_words == "token" or (special_words == "auto" and reference))
    if tokenizer.size > config.vocab_size:
        raise UserError(
            f"{name}: its tokenizer has {tokenizer.size} wordpieces, its config.json "
            f"{config.vocab_size}; they do not belong together"
        )
    if sequence_length is not None and sequence_length > config.max_position_embeddings:
        raise UserError(
            f"--sequence-length {sequence_length}: {name} has {config.max_position_embeddings} positions; give no more"
        )
    sequence = lengths.sequence if sequence_length is None else sequence_length
    if query_length is None:
        # Queries without a limit of their own leave room for a window; other queries leave room for one passage
        # wordpiece.
        unlimited = lengths.query == lengths.sequence - 4
        room = sequence - 3 - (window if unlimited and window else 1)
        query_length = min(lengths.query, max(room, 1))
    lengths = lengths.override(query=query_length, sequence=sequence, passage=window, stride=stride, windows=windows)
    return Opened(folder, tokenizer, scoring, lengths)
