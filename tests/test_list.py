"""`lce list` names every piece."""

import pytest

import lce_tf.list as program
from lce_tf.losses import LOSSES
from lce_tf.retrieval.registry import RETRIEVERS


@pytest.mark.parametrize("kind", program.KINDS)
def test_each_kind_has_a_line_for_each_piece(kind, capsys):
    assert program.main([kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(program.listing(kind)) and all(len(line.split()) > 1 for line in lines)
    assert program.main([kind, "--names"]) == 0
    assert capsys.readouterr().out.splitlines() == list(program.listing(kind))


def test_all_of_them_and_the_registries_are_whole(capsys):
    assert program.main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"{kind}:" in shown for kind in program.KINDS)
    assert list(program.listing("losses")) == list(LOSSES)
    assert list(program.listing("retrievers")) == list(RETRIEVERS)
    assert {"bm25", "dense"} <= set(RETRIEVERS) and {"hf", "openvino", "savedmodel"} <= set(
        program.listing("exporters")
    )
