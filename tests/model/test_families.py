from lce_tf.model.config import EncoderConfig
from lce_tf.model.families import FAMILIES
from lce_tf.model.heads import HEADS


def test_each_family_is_stated_whole():
    assert set(FAMILIES) == {"bert", "electra"}
    for name, family in FAMILIES.items():
        assert family.model_type == name and family.help and family.architecture.endswith("ForSequenceClassification")
        assert family.head in HEADS
        config = EncoderConfig.from_huggingface({"model_type": name})
        assert HEADS[family.head](config, 1).layers.keys() == family.head_names.keys()


def test_what_a_configuration_leaves_out_is_what_transformers_assumes():
    import transformers

    for name in FAMILIES:
        theirs = transformers.AutoConfig.for_model(name)
        ours = EncoderConfig.from_huggingface({"model_type": name})
        for size in ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size"):
            assert getattr(ours, size) == getattr(theirs, size)
