"""The models that are measured: our checkpoint's folder, and the same weights in Hugging Face's layout."""

from dataclasses import replace
from pathlib import Path

# Encoders with random weights, by their differences from the base size; any other name is a backbone.
SHAPES = {
    "electra-base": {},
    "tiny": {
        "embedding_size": 32,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
    },
}
SEED = 1
# A new head gives almost equal scores; these weights give the spread of a trained model.
HEAD_SCALE = 10.0


def write_models(folder: Path, name: str, sequence: int = 256) -> None:
    """Writes `model` (ours) and `hf` (Hugging Face's layout) into the folder.

    Args:
        name: "minilm" or any other backbone, with a fixed random head; or one of `SHAPES`, all random.
        sequence: wordpieces a pair has at most.
    """
    import tf_keras as keras

    from lce_tf.exporting.huggingface import export_huggingface
    from lce_tf.model import checkpoint, hub
    from lce_tf.model.config import EncoderConfig
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.model.weights import load_encoder
    from lce_tf.tokens.lengths import Lengths

    keras.utils.set_random_seed(SEED)
    backbone = hub.locate("minilm" if name in SHAPES else name)
    if name in SHAPES:
        model = CrossEncoder(EncoderConfig(**SHAPES[name]))
    else:
        config = EncoderConfig.from_huggingface(hub.read_config(backbone), str(backbone))
        # BERT's and ELECTRA's encoders of equal sizes compute the same, but only ELECTRA's classification head can
        # represent a linear score with weights that can be trained.
        model = CrossEncoder(replace(config, model_type="electra"))
        load_encoder(model.encoder, hub.weight_file(backbone))
    for layer in model.head.layers.values():
        layer.kernel.assign(layer.kernel * HEAD_SCALE)
    checkpoint.save(model, folder / "model", backbone, Lengths(sequence=sequence), {"loss": "lce"})
    export_huggingface(folder / "model", folder / "hf")
