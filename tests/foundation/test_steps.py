"""A folder of products: each is made once, gone on with after a stop, and refused where it was made otherwise."""

import json

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.locks import alone
from lce_tf.foundation.steps import Steps, record_of, renew


def write(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("made")


def test_a_product_is_made_once(tmp_path):
    calls = []

    def make(path):
        calls.append(path)
        write(path)

    for _ in range(2):
        with Steps(tmp_path / "new", "cook").opened() as steps:
            assert steps.make("part/dish", {"salt": 1, "peas": (1, 2)}, make) == tmp_path / "new" / "part" / "dish"
    assert len(calls) == 1
    record = json.loads((tmp_path / "new" / "part" / "dish.made.json").read_text())
    assert record["settings"] == {"salt": 1, "peas": [1, 2]} and record["seconds"] >= 0
    assert json.loads((tmp_path / "new" / "cook.json").read_text()) == {"command": "cook", "layout_version": 1}


def test_what_was_not_finished_is_made_again(tmp_path):
    def killed(path):
        write(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Steps(tmp_path, "cook").opened() as steps:
        steps.make("first", {}, write)
        steps.make("dish", {}, killed)
    done = []
    with Steps(tmp_path, "cook").opened() as steps:
        steps.make("first", {}, lambda path: done.append(path))
        steps.make("dish", {}, lambda path: done.append(path))
    assert [path.name for path in done] == ["dish"]


def test_a_first_product_that_was_not_finished_leaves_a_folder_to_go_on_in(tmp_path):
    def killed(path):
        write(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Steps(tmp_path / "new", "cook").opened() as steps:
        steps.make("dish", {}, killed)
    with Steps(tmp_path / "new", "cook").opened() as steps:
        steps.make("dish", {}, write)


def test_another_setting_is_refused_unless_it_is_the_assumed_one(tmp_path):
    with Steps(tmp_path, "cook").opened() as steps:
        steps.make("dish", {"salt": 1}, write)
    with Steps(tmp_path, "cook", {"heat": 5}).opened() as steps:
        steps.make("dish", {"salt": 1, "heat": 5}, write)
        with pytest.raises(UserError, match=r"dish: was made with salt 1, not 2; choose another --output, or delete"):
            steps.make("dish", {"salt": 2}, write)
        with pytest.raises(UserError, match="was made with heat 5, not 6"):
            steps.make("dish", {"salt": 1, "heat": 6}, write)


@pytest.mark.parametrize("facts", [{}, {"settings": [1], "seconds": 1}, {"settings": {}, "seconds": "one"}])
def test_a_record_that_was_edited_is_refused(tmp_path, facts):
    with Steps(tmp_path, "cook").opened() as steps:
        dish = steps.make("dish", {}, write)
        record_of(dish).write_text(json.dumps(facts))
        with pytest.raises(UserError, match=r"dish\.made\.json: holds values that a product's record has not"):
            steps.make("dish", {}, write)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UserError, match="holds other files than those of lce cook"), Steps(tmp_path, "cook").opened():
        pass
    with pytest.raises(UserError, match="is a file"), Steps(tmp_path / "mine.txt", "cook").opened():
        pass
    (tmp_path / "cook.json").write_text('{"layout_version": 99}')
    with (
        pytest.raises(UserError, match="of version 99, and this lce_tf reads up to 1"),
        Steps(tmp_path, "cook").opened(),
    ):
        pass


def test_two_processes_at_once(tmp_path):
    with alone(tmp_path / "new"), pytest.raises(UserError, match="is writing it"):
        with Steps(tmp_path / "new", "cook").opened():
            pass


def test_bad_input_leaves_no_new_folder(tmp_path):
    def refused(path):
        raise UserError("bad")

    with pytest.raises(UserError, match="bad"), Steps(tmp_path / "new", "cook").opened() as steps:
        steps.make("dish", {}, refused)
    assert list(tmp_path.iterdir()) == []


def test_a_renewed_product_is_made_again_where_it_is_not_the_one_that_was_made(tmp_path):
    product, made, faults = tmp_path / "run", [], []

    def make():
        made.append(product.write_text("made"))

    def whole():
        if faults:
            raise UserError(faults.pop())

    assert renew(product, {"depth": 5}, make, whole)
    assert not renew(product, {"depth": 5}, make, whole) and len(made) == 1
    assert renew(product, {"depth": 6}, make, whole)
    product.write_text("altered")
    assert renew(product, {"depth": 6}, make, whole)
    faults.append("its scores are torn")
    assert renew(product, {"depth": 6}, make, whole)
    record_of(product).write_text("{")
    assert renew(product, {"depth": 6}, make, whole)
    assert not renew(product, {"depth": 6}, make, whole) and len(made) == 5
