"""Opens a trained cross-encoder for reranking: its folder, tokenizer, pair lengths and scoring."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lce_tf.errors import UserError
from lce_tf.model import checkpoint, checkpoint_settings, classifiers, hub, st_layout
from lce_tf.model.config import Lengths, Scoring
from lce_tf.model.framing import template_of
from lce_tf.reranking.activation import Shown
from lce_tf.reranking.calibration import Calibration, read_calibration
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.tokenizers import WordPieces

# How to read words that spell a special token, such as [SEP]: as plain text, as that token, or ("auto") as the library
# that made the checkpoint does.
SPECIAL_WORDS = ("auto", "text", "token")


class Opened(NamedTuple):
    """A trained cross-encoder but for its weights, which `open_engine(folder)` loads.

    Attributes:
        calibration: what `lce calibrate` left in the folder, if it did.
    """

    folder: Path
    tokenizer: WordPieces
    template: PairTemplate
    scoring: Scoring
    lengths: Lengths
    calibration: Calibration | None

    @property
    def shown(self) -> Shown:
        """What is shown of a score: the calibration's probability, else what the configuration's activation makes."""
        return self.calibration or self.scoring.activation


def open_checkpoint(
    name: str | Path,
    query_length: int | None = None,
    sequence_length: int | None = None,
    window: int | None = None,
    stride: int | None = None,
    windows: int | None = None,
    special_words: str = "auto",
    positive_label: int | None = None,
    trust_settings: bool = False,
) -> Opened:
    """The parts of a checkpoint that belong together; a note on stderr says where scores are not its library's.

    Args:
        name: whatever `checkpoint.locate` takes.
        query_length, sequence_length, window, stride, windows: instead of the checkpoint's own `Lengths`, in which a
            window is as long as a passage. Beside a query's length or windows, only the passage gives way.
        special_words: see `SPECIAL_WORDS`.
        positive_label: which of two labels, 0 or 1, says that a passage is relevant, whatever their names say.
        trust_settings: whether settings of a public cross-encoder that are not known are ignored; see
            `checkpoint_settings`.

    Raises:
        UserError: it is not a checkpoint, its parts do not fit together, or the model has fewer positions than
            requested.
    """
    folder = checkpoint.locate(name)
    config, scoring, lengths = checkpoint.trained(folder)
    public = checkpoint.is_public(folder)
    if public:
        checkpoint_settings.check(folder, trust_settings)
    if special_words not in SPECIAL_WORDS:
        raise UserError(f"--special-words {special_words!r}: known are {', '.join(SPECIAL_WORDS)}")
    scoring = _decided(scoring, positive_label, folder)
    reference = public and "lce_tf" not in hub.read_config(folder)
    layout = st_layout.read(folder) if public else st_layout.Layout()
    special = special_words == "token" or (special_words == "auto" and reference)
    tokenizer = WordPieces(folder, special, layout.lower)
    tokenizer.prompt = layout.prompt
    if not (tokenizer.fits(config.vocab_size) if public else tokenizer.size <= config.vocab_size):
        raise UserError(
            f"{name}: its tokenizer has {tokenizer.size} wordpieces, its config.json "
            f"{config.vocab_size}; they do not belong together"
        )
    if sequence_length is not None and sequence_length > config.positions:
        raise UserError(f"--sequence-length {sequence_length}: {name} has {config.positions} positions; give no more")
    cut = {"cut": "passage"} if query_length is not None or (windows or 1) > 1 or window is not None else {}
    sequence = lengths.sequence if sequence_length is None else sequence_length
    if query_length is None:
        # Queries without a limit of their own leave room for a window; other queries leave room for one passage
        # wordpiece.
        unlimited = lengths.query == lengths.sequence - 4
        room = sequence - 3 - (window if unlimited and window else 1)
        query_length = min(sequence - 4 if unlimited else lengths.query, max(room, 1))
    lengths = replace(lengths, **cut).override(
        query=query_length, sequence=sequence, passage=window, stride=stride, windows=windows
    )
    template = template_of(folder, config, tokenizer)
    if lengths.sequence < template.size + 2:
        raise UserError(
            f"--sequence-length {lengths.sequence}: {name} puts {template.size} tokens around a pair; give more"
        )
    if reference and (notes := _notes(scoring, lengths, tokenizer)):
        print(f"note: {name}: {'; '.join(notes)}", file=sys.stderr)
    return Opened(folder, tokenizer, template, scoring, lengths, read_calibration(folder))


def _decided(scoring: Scoring, positive_label: int | None, folder: Path) -> Scoring:
    """The scoring with a rule that says which of two labels is relevance."""
    if positive_label is not None:
        if positive_label not in (0, 1) or scoring.outputs != 2:
            of = f"{folder} has {scoring.outputs} label{'s' * (scoring.outputs > 1)}"
            raise UserError(f"--positive-label {positive_label}: {of}; give 0 or 1, of a model with two")
        return replace(scoring, rule=classifiers.rule_of(positive_label, scoring.activation))
    if scoring.rule == "undecided":
        raise UserError(
            f"{folder / 'config.json'}: id2label does not tell which of the two labels means relevant; say so with "
            "--positive-label 0 or 1"
        )
    return scoring


def _notes(scoring: Scoring, lengths: Lengths, tokenizer: WordPieces) -> list[str]:
    """Where a public cross-encoder's scores are not what its users see elsewhere, and what their texts become."""
    notes = []
    if scoring.rule in ("difference", "reversed") and scoring.outputs == 2:
        order = "label 1's logit less label 0's" if scoring.rule == "difference" else "label 0's logit less label 1's"
        notes.append(f"a score is {order}, of which its library gives both")
    if tokenizer.special_words:
        notes.append(
            "text that spells a special token becomes that token, as in its library (--special-words text: no)"
        )
    else:
        notes.append("text that spells a special token is plain text")
    if lengths.cut == "passage":
        notes.append("of a pair that is too long only the passage is cut")
    if tokenizer.prompt:
        notes.append(f"its default prompt {tokenizer.prompt!r:.40} is put before each query")
    return notes
