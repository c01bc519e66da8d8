"""Exports a trained cross-encoder as a TensorFlow SavedModel that takes strings: the tokenizer is in the graph."""

from pathlib import Path

from lce_tf.exporting.exporter import Exporter
from lce_tf.exporting.outputs import facts
from lce_tf.foundation.files import built_folder, vacant, write_json
from lce_tf.model import checkpoint
from lce_tf.reranking.opening import Opened, open_checkpoint

INPUTS = {"query": "string [pairs]", "passage": "string [pairs], one for each query"}
OUTPUTS = {"score": "float32 [pairs], the higher the more relevant, after the activation"}
# Added if there is an activation, because in float32 the sigmoids of scores well above 8 are equal.
LOGIT = {"logit": "float32 [pairs], the score before the activation: what to rank by"}
# SavedModel keeps additional files in the folder assets.extra.
FACTS = "assets.extra/lce_tf.json"


def export_savedmodel(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
    """Writes a SavedModel with float32 weights whose scores equal those of `Reranker.score`, and returns its folder.

    Its signatures take `query` and `passage`, [pairs] strings each. `serving_default` returns `score`, [pairs] float32,
    and, if the checkpoint has an activation, `logit` to rank by. `tokenize` returns the encoder's input, padded to the
    longest: [rows, length] int32 `input_ids`, `attention_mask` and `token_type_ids`, and [rows] int64 `pair`, the index
    of each row's pair, since each window of a document is a row.

    Args:
        folder: anything that `checkpoint.locate` takes.
        output: a new or empty folder; written completely or not at all.
        license: SPDX identifier for `assets.extra/lce_tf.json`.

    Raises:
        UserError: not a trained cross-encoder, a tokenizer that is not BERT's, or an output that is not empty.
    """
    # The graph's tokenizer reads words that spell a special token as plain text, for any checkpoint.
    opened, output = open_checkpoint(folder, special_words="text"), vacant(output)
    outputs = OUTPUTS if opened.scoring.activation == "identity" else {**OUTPUTS, **LOGIT}
    about = facts(opened.folder, license, INPUTS, outputs, ("tensorflow", "tensorflow-text"))
    import tensorflow as tf

    from lce_tf.exporting import graph_tokenizer

    graph_tokenizer.check(opened.tokenizer, str(folder))
    module = _module(opened)
    compared = graph_tokenizer.compared(module.pairs.tokenizer, opened.tokenizer, str(folder))
    signatures = {"serving_default": module.score, "tokenize": module.tokenize}
    with built_folder(output) as scratch:
        tf.saved_model.save(module, str(scratch), signatures)
        write_json(scratch / FACTS, {**about, "texts_tokenised_alike": compared, "special_words": "text"})
    return output


def _module(opened: Opened):
    """A `tf.Module` with the functions `score` and `tokenize`, and everything that they use."""
    import tensorflow as tf

    from lce_tf.exporting.graph_pairs import GraphPairs
    from lce_tf.model.cross_encoder import segments_and_mask

    model, scoring = checkpoint.load(opened.folder), opened.scoring
    module = tf.Module(name="cross_encoder")
    # Only the variables are attached: with the layers, TensorFlow would also trace and save Keras's functions of each.
    module.weights, module.pairs = model.variables, GraphPairs(opened.tokenizer, opened.template, opened.lengths)

    def score(query, passage):
        packed = module.pairs(query, passage)
        logits = model.logits(packed.input_ids, packed.type_0_lengths, packed.lengths)
        scores = tf.cast(tf.cast(scoring.score(logits), scoring.dtype), tf.float32)
        best = tf.math.segment_max(scores, packed.pair)
        if scoring.activation == "identity":
            return {"score": best}
        functions = {"sigmoid": tf.sigmoid, "log_sigmoid": tf.math.log_sigmoid, "tanh": tf.tanh}
        written = functions[scoring.activation]
        return {"score": written(best), "logit": best}

    def tokenize(query, passage):
        ids, type_0_lengths, lengths, pair = module.pairs(query, passage)
        segments, mask = segments_and_mask(ids, type_0_lengths, lengths, scoring.padding_segment)
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments, "pair": pair}

    signature = [tf.TensorSpec([None], tf.string, name=name) for name in INPUTS]
    module.score, module.tokenize = (tf.function(f, input_signature=signature) for f in (score, tokenize))
    return module


class SavedModel(Exporter):
    """`lce export --format savedmodel`."""

    key = "savedmodel"
    help = "strings in, scores out, for TensorFlow Serving"
    write = staticmethod(export_savedmodel)
