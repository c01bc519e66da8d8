"""Which layers a student keeps, and that they are the teacher's."""

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.model.config import EncoderConfig
from lce_tf.model.weights import read_arrays
from lce_tf.multistage.student import picked, student_config, write_student
from lce_tf.reranking.opening import open_checkpoint
from tests.tiny_models import config_of, save_with_words, tiny


@pytest.mark.parametrize(
    ("depth", "layers", "pick", "kept"),
    [
        (12, 6, "even", [0, 2, 4, 7, 9, 11]),  # DistilBERT's
        (12, 3, "even", [0, 6, 11]),
        (12, 2, "even", [0, 11]),
        (6, 3, "even", [0, 3, 5]),
        (6, 1, "even", [0]),
        (6, 3, "first", [0, 1, 2]),
        (6, 3, "last", [3, 4, 5]),
    ],
)
def test_the_layers_that_are_kept(depth, layers, pick, kept):
    assert picked(depth, layers, pick) == kept


@pytest.mark.parametrize("pick", ["even", "first", "last"])
def test_every_size_keeps_distinct_layers_in_order(pick):
    for depth in range(2, 25):
        for layers in range(1, depth):
            kept = picked(depth, layers, pick)
            assert len(kept) == layers and kept == sorted(set(kept)) and 0 <= kept[0] and kept[-1] < depth


@pytest.mark.parametrize("layers", [0, 6, 7])
def test_a_student_is_smaller(layers):
    with pytest.raises(UserError, match=f"--layers {layers}: the checkpoint has 6; give 1 to 5"):
        picked(6, layers, "even")


def test_its_weights_are_the_teachers(small, tmp_path):
    write_student(small.teacher, [0, 3], tmp_path / "student")
    teacher = read_arrays(small.teacher / "model.safetensors")
    student = read_arrays(tmp_path / "student" / "model.safetensors")
    places = {"0": "0", "1": "3"}
    for name, values in student.items():
        head, _, rest = name.partition("encoder.layer.")
        layer, _, part = rest.partition(".")
        there = f"{head}encoder.layer.{places[layer]}.{part}" if rest else name
        np.testing.assert_array_equal(values, teacher[there])
    assert len(student) == len(teacher) - 2 * sum(name.startswith("encoder.layer.1.") for name in teacher)
    before, after = checkpoint.trained(small.teacher), checkpoint.trained(tmp_path / "student")
    assert after.config.num_hidden_layers == 2 and (before.scoring, before.lengths) == (after.scoring, after.lengths)


def test_a_student_frames_pairs_as_its_teacher_does(tmp_path):
    teacher = save_with_words("roberta", tmp_path / "teacher")
    write_student(teacher, [1], tmp_path / "student")
    template = open_checkpoint(tmp_path / "student").template
    assert template == open_checkpoint(teacher).template and not template.has_types


def test_the_kinds_of_attention_of_the_layers_that_are_kept(tmp_path):
    teacher = save_with_words("modernbert", tmp_path / "teacher")
    write_student(teacher, [0, 2], tmp_path / "student")
    kinds = checkpoint.trained(tmp_path / "student").config.layer_types
    assert kinds == ("full_attention", "full_attention")  # of three, the second is local
    checkpoint.load(tmp_path / "student")


def test_a_teacher_that_modules_of_its_own_pool_has_no_student():
    with pytest.raises(
        UserError, match="--layers 1: the checkpoint's modules of sentence-transformers pool by the mean"
    ):
        student_config(EncoderConfig("bert", classifier_pooling="mean"), [0])


@pytest.mark.parametrize(
    ("name", "kept", "said"),
    [
        ("modernbert", [1, 2], "--layers 2: keeps layer 1 as the first, but ModernBERT's first layer"),
        ("albert", [0, 3], "--layers 2: ALBERT's layers share their weights"),
    ],
)
def test_layers_that_make_no_student(tmp_path, name, kept, said):
    config = EncoderConfig.from_huggingface(config_of(tiny(name).save(tmp_path)))
    with pytest.raises(UserError, match=said):
        student_config(config, kept)
