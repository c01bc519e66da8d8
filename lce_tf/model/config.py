"""The shape of an encoder, as read from a checkpoint's Hugging Face `config.json`, and of its input."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from lce_tf.errors import UserError
from lce_tf.model.families import FAMILIES

# The names in lce_tf.model.activations, spelled out here so that reading a configuration needs no TensorFlow.
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
# Largest size that is taken for one; a model's weights then say what its sizes are.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and rates of an ELECTRA or BERT encoder; field names are Hugging Face's, defaults the base size's."""

    model_type: str = "electra"
    vocab_size: int = 30522
    embedding_size: int = 768
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self):
        if self.model_type not in FAMILIES:
            known = " and ".join(sorted(FAMILIES, reverse=True))
            raise UserError(f"model_type {self.model_type!r}: only {known} encoders can be loaded")
        if self.hidden_act not in ACTIVATIONS:
            raise UserError(f"hidden_act {self.hidden_act!r}: known are {', '.join(ACTIVATIONS)}")
        for field in fields(self):
            value = getattr(self, field.name)
            # JSON's true is an int in Python.
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if field.type is int and not (number and isinstance(value, int) and 0 < value <= LARGEST):
                raise UserError(f"{field.name} {value!r:.40}: is not a whole number from 1 to {LARGEST}")
            if field.type is float and not (number and 0 <= value < 1):
                raise UserError(f"{field.name} {value!r:.40}: is not a number from 0 to below 1")
        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )

    @property
    def positions(self) -> int:
        """The most tokens of a sequence that it has positions for."""
        return self.max_position_embeddings

    @classmethod
    def from_huggingface(cls, values: dict[str, Any], source: str = "config.json") -> "EncoderConfig":
        """The configuration in a parsed `config.json`; keys that the encoder does not use are ignored.

        Raises:
            UserError: the model family, the position embeddings or a value is one that this encoder cannot carry.
        """
        if values.get("position_embedding_type", "absolute") != "absolute":
            raise UserError(f"{source}: position_embedding_type {values['position_embedding_type']!r} is not absolute")
        if values.get("is_decoder"):
            raise UserError(f"{source}: is_decoder is set; only encoders, which attend both ways, can be loaded")
        known = {name: values[name] for name in cls.__dataclass_fields__ if values.get(name) is not None}
        if not isinstance(known.get("model_type"), str):
            raise UserError(f"{source}: has no model_type; is this a checkpoint's config.json?")
        if (family := FAMILIES.get(known["model_type"])) is not None:
            known = {**family.defaults, **known}
            if not family.own_embedding_size:
                known["embedding_size"] = known.get("hidden_size", cls.hidden_size)
        try:
            return cls(**known)
        except UserError as error:
            raise UserError(f"{source}: {error}") from error

    def to_huggingface(self) -> dict[str, Any]:
        """The keys of `config.json` that describe the encoder."""
        return asdict(self)


@dataclass(frozen=True)
class Lengths:
    """How a pair is cut and packed, in wordpieces: `[CLS] query [SEP] passage [SEP]`, or as its template says.

    Attributes:
        query: a query keeps at most this many wordpieces, where the passage gives way.
        sequence: the whole packed pair, special tokens included.
        passage: a passage keeps at most this many; None: whatever the sequence has left. A document's window has as
            many.
        stride: wordpieces from where a document's window begins to where the next does; left out, half a window.
        windows: windows of a document that are scored at most, of which the best counts (MaxP); 1: its first (FirstP).
        cut: what of a pair that is too long gives way: the "passage" alone, or of both texts whichever is "longest", as
            public cross-encoders have it.
        side: the end that a text loses, "right" or "left".
    """

    query: int = 50
    sequence: int = 256
    passage: int | None = None
    stride: int | None = None
    windows: int = 1
    cut: str = "passage"
    side: str = "right"

    def __post_init__(self):
        for name, known in (("cut", ("passage", "longest")), ("side", ("right", "left"))):
            if getattr(self, name) not in known:
                raise UserError(f"lengths {name} {getattr(self, name)!r}: known are {', '.join(known)}")
        if self.passage is not None and self.passage < 1:
            raise UserError(f"--passage-length {self.passage}: give 1 or more, or leave it out")
        if self.query < 1 or self.sequence < self.query + 4:
            raise UserError(
                f"--query-length {self.query} and --sequence-length {self.sequence}: a sequence holds the query, three "
                "special tokens and at least one wordpiece of the passage; raise --sequence-length"
            )
        if self.windows < 1:
            raise UserError(f"--windows {self.windows}: give 1 or more; 1 is a document's first window alone")
        if self.windows > 1:
            self._check_windows()
        elif self.stride is not None:
            raise UserError(f"--stride {self.stride}: a single window has no stride; give --windows 2 or more")

    def _check_windows(self) -> None:
        if self.passage is None:
            raise UserError(f"--windows {self.windows}: how long is a window? Give --window, such as --window 150")
        room = self.sequence - 3 - self.query
        if self.passage > room:
            raise UserError(
                f"--window {self.passage}: does not fit into {self.sequence} wordpieces beside a query of {self.query} "
                f"and three special tokens; give {room} or less, or lower --query-length"
            )
        if self.stride is None:
            # As in Dai and Callan's windows, 150 wordpieces long and 75 apart.
            object.__setattr__(self, "stride", max(1, self.passage // 2))
        if not 1 <= self.stride <= self.passage:
            raise UserError(
                f"--stride {self.stride}: is not from 1 to the --window of {self.passage}, so windows would leave gaps"
            )

    def override(self, **settings: int | None) -> "Lengths":
        """Other lengths; None keeps what there is, but another `passage`, a window's length, has its own stride.

        Of a query with a limit, and beside windows, only the passage gives way.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        if given.get("passage", self.passage) != self.passage or given.get("windows", self.windows) == 1:
            given = {"stride": None, **given}
        return replace(self, **given)

    def as_json(self) -> dict[str, Any]:
        """Plain values for configurations and hashes; windows are in them only where a document has several."""
        values = asdict(self)
        further = {name: values.pop(name) for name in ("cut", "side")}
        further = {name: value for name, value in further.items() if value != getattr(Lengths, name)}
        return {
            **(values if self.windows > 1 else {name: values[name] for name in ("query", "sequence", "passage")}),
            **further,
        }


@dataclass(frozen=True)
class Scoring:
    """How a ranking score is made of an encoder's output; the defaults are the paper's.

    Attributes:
        outputs: logits a pair: 1 for losses over scores, 2 for cross entropy.
        head: a key of `lce_tf.model.heads.HEADS`.
        padding_segment: segment id of padding, which attention masks out but the embeddings' sum has.
        rule: what two logits are ranked by: their "difference" z1 - z0, which orders as softmax(z)_1 of eq. (2) does
            but without its saturation, or the "last" one alone; "reversed" and "first" where the first logit is that
            of relevance; "undecided" where it has to be said which is.
        dtype: "float16" rounds scores to it before sorting, so that ties keep the first stage's order.
        activation: what is written of a score: itself ("identity"), or its "sigmoid"; the order is that of the score.
    """

    outputs: int = 1
    head: str = "linear"
    padding_segment: int = 0
    rule: str = "difference"
    dtype: str = "float32"
    activation: str = "identity"

    def __post_init__(self):
        known = {"head": ("linear", "dense", "pooler"), "activation": ("identity", "sigmoid")}
        known |= {"rule": ("difference", "last", "reversed", "first", "undecided"), "dtype": ("float32", "float16")}
        known |= {"padding_segment": (0, 1), "outputs": (1, 2)}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise UserError(f"scoring {name} {getattr(self, name)!r}: known are {', '.join(map(str, values))}")

    def score(self, logits):
        """[...] scores by the rule, not rounded yet, from logits [..., outputs], an array or a tensor."""
        if logits.shape[-1] == 1 or self.rule == "last":
            return logits[..., -1]
        if self.rule == "first":
            return logits[..., 0]
        difference = logits[..., 1] - logits[..., 0]
        return -difference if self.rule == "reversed" else difference


PAPER_SCORING = Scoring()
