"""ModernBERT (Warner et al. 2024): pre-norm, rotary positions, local and global attention, gated layers."""

from typing import Any

from lce_tf.errors import UserError
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import LEFT_OUT, PADDING, Key, irrelevant, used

_LAYER = "layers.{i}."
_KINDS = ("full_attention", "sliding_attention")
_THETAS = {"full_attention": 160_000.0, "sliding_attention": 10_000.0}


def _derive(values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Each layer's kind of attention, and the base of each kind's rotary angles, from the new keys or the old ones."""
    kinds = values.get("layer_types")
    if kinds is None:
        every = values.get("global_attn_every_n_layers", 3)
        if not isinstance(every, int) or every < 1:
            raise UserError(f"global_attn_every_n_layers {every!r:.40}: is not a whole number from 1")
        kinds = [_KINDS[bool(i % every)] for i in range(known.get("num_hidden_layers", 22))]
    rope = values.get("rope_parameters") or {}
    thetas = []
    for kind, old in zip(_KINDS, ("global_rope_theta", "local_rope_theta"), strict=True):
        given = rope.get(kind) or {} if isinstance(rope, dict) else {"rope_type": rope}
        if given.get("rope_type", "default") != "default":
            raise UserError(f"rope_parameters {given.get('rope_type')!r:.40}: only plain rotary positions are computed")
        thetas.append(given.get("rope_theta", values.get(old) or _THETAS[kind]))
    return {"layer_types": tuple(kinds) if isinstance(kinds, list) else kinds, "rope_thetas": tuple(thetas)}


def _every(kinds: tuple[str, ...]) -> Any:
    """How many layers apart those of full attention are, for transformers before 5, if one number says it."""
    for every in range(1, len(kinds) + 1):
        if kinds == tuple(_KINDS[bool(i % every)] for i in range(len(kinds))):
            return every
    return LEFT_OUT


def _rope(thetas: tuple[float, float]) -> dict[str, dict[str, Any]]:
    return {kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in zip(_KINDS, thetas, strict=True)}


FAMILY = Family(
    model_type="modernbert",
    help="ModernBERT and models of its shape, such as Ettin and gte",
    title="ModernBERT",
    prefix="model",
    architecture="ModernBertForSequenceClassification",
    head="normed",
    head_names={"head.dense": "head.dense", "head.norm": "head.norm", "head.out_proj": "classifier"},
    names={
        "words": "embeddings.tok_embeddings",
        "embedding_norm": "embeddings.norm",
        "qkv": f"{_LAYER}attn.Wqkv",
        "attention_output": f"{_LAYER}attn.Wo",
        "attention_norm": f"{_LAYER}attn_norm",
        "intermediate": f"{_LAYER}mlp.Wi",
        "output": f"{_LAYER}mlp.Wo",
        "output_norm": f"{_LAYER}mlp_norm",
        "final_norm": "final_norm",
    },
    keys=(
        *used("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *used("max_position_embeddings", "initializer_range", "norm_bias", "attention_bias", "mlp_bias"),
        *used("classifier_bias", "classifier_activation", "classifier_pooling", "local_attention"),
        *used(hidden_activation="hidden_act", norm_eps="layer_norm_eps"),
        *used(mlp_dropout="hidden_dropout_prob", attention_dropout="attention_probs_dropout_prob"),
        Key("layer_types", "layer_types", read=None, write=list),
        Key("rope_parameters", "rope_thetas", read=None, write=_rope),
        # The same for transformers before 5, and for programs that read the keys that it had.
        Key("global_attn_every_n_layers", "layer_types", read=None, write=_every),
        Key("global_rope_theta", "rope_thetas", read=None, write=lambda thetas: thetas[0]),
        Key("local_rope_theta", "rope_thetas", read=None, write=lambda thetas: thetas[1]),
        Key("rope_scaling", why="only plain rotary positions are computed", only=(None,)),
        *irrelevant("only read while training", "embedding_dropout", "initializer_cutoff_factor"),
        *irrelevant("only read while training, where the head drops out at mlp_dropout", "classifier_dropout"),
        *irrelevant("about the language model's head, which is not read", "decoder_bias", "sparse_prediction"),
        *irrelevant("about the language model's head, which is not read", "sparse_pred_ignore_index"),
        *irrelevant("same result, computed in another way", "deterministic_flash_attn", "reference_compile"),
        *irrelevant("same result, computed in another way", "repad_logits_with_grad"),
        PADDING,
        *irrelevant("rotary positions are meant", "position_embedding_type"),
        *irrelevant("says what norm_eps says, for other programs", "layer_norm_eps"),
    ),
    defaults={
        "vocab_size": 50368,
        "pad_token_id": 50283,
        "intermediate_size": 1152,
        "num_hidden_layers": 22,
        "max_position_embeddings": 8192,
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-5,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "classifier_bias": False,
        "gated": True,
    },
    derive=_derive,
    positions="none",
    attention="rotary",
    before=True,
    first_norm=False,
    unused=r"rotary_emb\.|decoder\.",
)
