"""Opens a trained cross-encoder for reranking: its folder, tokenizer, pair lengths and scoring."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.errors import UserError
from lce_tf.model import answers, checkpoint, checkpoint_settings, classifiers, hub, st_layout
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.framing import template_of
from lce_tf.reranking.activation import Shown
from lce_tf.reranking.calibration import Calibration, check_way, read_calibration
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.template import MONO_T5, PairTemplate
from lce_tf.tokens.tokenizers import WordPieces

# How to read words that spell a special token, such as [SEP]: as plain text, as that token, or ("auto") as the library
# that made the checkpoint does.
SPECIAL_WORDS = ("auto", "text", "token")


class Opened(NamedTuple):
    """Everything that scoring needs of a trained cross-encoder except its weights, which `open_engine(folder)` loads.

    Attributes:
        calibration: the calibration that `lce calibrate` wrote into the folder; None if it has none.
        way: what scores depend on besides the checkpoint: the fields of `lengths`, the scoring's rule, and whether
            words that spell a special token are read as that token.
        own: the same by the checkpoint's own settings alone.
    """

    folder: Path
    tokenizer: WordPieces
    template: PairTemplate
    scoring: Scoring
    lengths: Lengths
    calibration: Calibration | None
    way: dict[str, Any]
    own: dict[str, Any]

    @property
    def shown(self) -> Shown:
        """How a score is written: as the calibration's probability, else by the configuration's activation."""
        return self.calibration or self.scoring.activation

    def check_calibration(self) -> None:
        """Checks, before the calibration is applied, that scores are made as those of its fit were; see `check_way`.

        A file that does not say how they were made is taken to be of the checkpoint's own settings.
        """
        if self.calibration is not None:
            check_way(self.folder, self.calibration.way or self.own, self.way)


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
    """The parts of a checkpoint in `Opened`, checked to fit together.

    For a public cross-encoder that this package did not export, a note on stderr says how pairs are scored and read.

    Args:
        name: whatever `checkpoint.locate` takes.
        query_length, sequence_length, window, stride, windows: replace values of the checkpoint's own `Lengths`, window
            its `passage`. If a query length, a window length or several windows are given, only the passage of a pair
            that is too long is cut.
        special_words: see `SPECIAL_WORDS`.
        positive_label: the label, 0 or 1, that means relevant in a model with two labels; None: as their names say.
        trust_settings: whether unknown settings of a public cross-encoder are ignored instead of refused; see
            `checkpoint_settings`.

    Raises:
        UserError: it is not a checkpoint, its parts do not fit together, an argument is invalid, or the model has fewer
            positions than requested.
    """
    folder = checkpoint.locate(name)
    config, scoring, lengths = checkpoint.trained(folder)
    public = checkpoint.is_public(folder)
    if public:
        checkpoint_settings.check(folder, trust_settings)
    if special_words not in SPECIAL_WORDS:
        raise UserError(f"--special-words {special_words!r}: known are {', '.join(SPECIAL_WORDS)}")
    own_scoring, scoring = scoring, _decided(scoring, positive_label, folder)
    exported = hub.read_config(folder).get("lce_tf") if public else None
    reference = public and exported is None
    layout = st_layout.read(folder) if public else st_layout.Layout()
    as_tokens = reference or (exported or {}).get("special_words") == "token"
    special = special_words == "token" or (special_words == "auto" and as_tokens)
    tokenizer = WordPieces(folder, special, layout.lower)
    tokenizer.prompt = layout.prompt
    if not (tokenizer.fit_to(config.vocab_size) if public else tokenizer.size <= config.vocab_size):
        raise UserError(
            f"{name}: its tokenizer has {tokenizer.size} wordpieces, its config.json "
            f"{config.vocab_size}; they do not belong together"
        )
    if sequence_length is not None and sequence_length > config.positions:
        raise UserError(f"--sequence-length {sequence_length}: {name} has {config.positions} positions; give no more")
    template = template_of(folder, config, tokenizer)
    own = _way(_overridden(lengths, template), own_scoring, as_tokens)
    lengths = _overridden(lengths, template, query_length, sequence_length, window, stride, windows)
    if lengths.sequence < template.size + 2:
        raise UserError(
            f"--sequence-length {lengths.sequence}: {name} puts {template.size} tokens around a pair; give more"
        )
    if reference and (notes := _notes(scoring, lengths, tokenizer)):
        if config.family.answers:
            notes.insert(0, _prompt_note(config, folder))
        print(f"note: {name}: {'; '.join(notes)}", file=sys.stderr)
    way = _way(lengths, scoring, special)
    return Opened(folder, tokenizer, template, scoring, lengths, read_calibration(folder), way, own)


def _overridden(
    lengths: Lengths,
    template: PairTemplate,
    query_length: int | None = None,
    sequence_length: int | None = None,
    window: int | None = None,
    stride: int | None = None,
    windows: int | None = None,
) -> Lengths:
    """A checkpoint's lengths with the given ones in their place, as `open_checkpoint` takes them."""
    cut = {"cut": "passage"} if query_length is not None or (windows or 1) > 1 or window is not None else {}
    sequence = lengths.sequence if sequence_length is None else sequence_length
    if query_length is None:
        # If the checkpoint does not limit queries, they are cut so that a window (if its length is given) fits beside
        # them; else so that one passage wordpiece does.
        unlimited = lengths.query == lengths.sequence - 4
        room = sequence - template.size - (window if unlimited and window else 1)
        query_length = min(sequence - 4 if unlimited else lengths.query, max(room, 1))
    return replace(lengths, **cut).override(
        query=query_length, sequence=sequence, passage=window, stride=stride, windows=windows
    )


def _way(lengths: Lengths, scoring: Scoring, special_words: bool) -> dict[str, Any]:
    return {**asdict(lengths), "rule": scoring.rule, "special_words": special_words}


def _decided(scoring: Scoring, positive_label: int | None, folder: Path) -> Scoring:
    """The scoring, with the rule for `positive_label` if given; refuses one with an undecided rule."""
    if positive_label is not None:
        if positive_label not in (0, 1) or scoring.outputs != 2:
            of = f"{folder} has {scoring.outputs} label{'s' * (scoring.outputs > 1)}"
            raise UserError(f"--positive-label {positive_label}: {of}; give 0 or 1, of a model with two")
        return replace(scoring, rule=classifiers.rule_of(positive_label, scoring.activation))
    if scoring.rule == "undecided":
        raise UserError(
            f"{folder / 'config.json'}: id2label does not tell which of the two labels means relevant; say so with "
            "--positive-label 0 or 1 where the command has that option (rerank, score, serve), or name them there no "
            "and yes"
        )
    return scoring


def _prompt_note(config: EncoderConfig, folder: Path) -> str:
    before, between, after = (part.strip() for part in MONO_T5)
    no, yes = answers.found(config, folder)
    return (
        f"it reads '{before} QUERY {between} PASSAGE {after}' and answers {no} or {yes}; the scores of a model that "
        "was trained with another prompt or other answers mean nothing"
    )


def _notes(scoring: Scoring, lengths: Lengths, tokenizer: WordPieces) -> list[str]:
    """Notes on a public cross-encoder: scores that differ from its library's, and how texts are read and cut."""
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
