"""A process that is forked after loading a model scores the same with OpenVINO, and gets one error with TensorFlow."""

import multiprocessing
import signal

import pytest

from lce_tf.errors import UserError
from lce_tf.reranking import forks
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.scoring import score_pairs

SECONDS = 60  # after which a child that hangs ends


def in_a_fork(work):
    """What `work` returns in a forked process, or the text of its UserError."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child():
        signal.alarm(SECONDS)
        try:
            sender.send(work())
        except UserError as error:
            sender.send(str(error))

    process = context.Process(target=child)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()
        assert process.exitcode == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("name", ["openvino", "tensorflow", "xla"])
def test_scoring_in_a_forked_process(checkpoints, packer, pairs, name):
    some = pairs[0][:20], pairs[1][:20]
    engine = open_engine(checkpoints[1], name, "float32")
    here = score_pairs(engine, packer, *some).tolist()

    def again():
        return score_pairs(open_engine(checkpoints[1], name, "float32"), packer, *some).tolist()

    found = in_a_fork(lambda: score_pairs(engine, packer, *some).tolist()), in_a_fork(again)
    if name == "openvino":
        assert found == (here, here)
    else:
        assert all("TensorFlow was started in process" in text and "'spawn'" in text for text in found)
    assert score_pairs(engine, packer, *some).tolist() == here


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_reranker_whose_lock_was_held_when_the_process_was_forked(checkpoints):
    from lce_tf import Reranker

    reranker = Reranker.load(checkpoints[1], "openvino", "float32")
    here = reranker.score([("a", "b c")]).tolist()
    with reranker._turn:  # as another thread would hold it
        assert in_a_fork(lambda: reranker.score([("a", "b c")]).tolist()) == here


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_first_to_start_tensorflow_may_be_the_child(monkeypatch):
    monkeypatch.setattr(forks, "_tensorflow_began", None)
    assert in_a_fork(lambda: forks.tensorflow_begins()) is None
    forks.tensorflow_begins()
    assert "does not work in process" in in_a_fork(lambda: forks.tensorflow_begins())
