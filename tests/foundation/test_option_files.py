"""Options in files: as a shell would read them, and each fault as one line."""

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import parser_for
from lce_tf.foundation.option_files import with_files


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_lines_become_arguments_in_the_place_of_the_file(here):
    (here / "inner.args").write_text("--seed 7\n")
    (here / "common.args").write_text(
        "# what all have\n\n--run 'my run.trec' --group 8   # n\n@inner.args\n--tag a\\#b\n"
    )
    found = with_files(["one", "@common.args", "--group", "2", "@"])
    assert found == ["one", "--run", "my run.trec", "--group", "8", "--seed", "7", "--tag", "a#b", "--group", "2", "@"]


def test_windows_line_ends_and_a_byte_order_mark(here):
    (here / "common.args").write_bytes("\ufeff--seed 7\r\n--tag é\r\n".encode())
    assert with_files(["@common.args"]) == ["--seed", "7", "--tag", "é"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("@absent.args", "@absent.args: no such file; name a file of options after the @"),
        ("@folder", "@folder: cannot be read (Is a directory); name a file of options after the @"),
        ("@latin.args", "@latin.args: cannot be read (it is not UTF-8 text); name a file of options after the @"),
        ("@open.args", "open.args:2: has an open quotation or ends with a backslash; a line holds whole options"),
        ("@shell.args", "shell.args:1: has an open quotation or ends with a backslash; a line holds whole options"),
        ("@cut.args", "cut.args:1: has a # within a word; quote the word, or put a space before a comment"),
        ("@round.args", "@./round.args: is read already and would be without end; leave it out of {here}/link.args"),
    ],
)
def test_a_fault_is_one_line(here, given, message):
    (here / "folder").mkdir()
    (here / "latin.args").write_bytes(b"--tag \xe9\n")
    (here / "open.args").write_text("--seed 7\n--tag 'x\n")
    (here / "cut.args").write_text("--output run#1 --seed 7\n")
    (here / "shell.args").write_text("--seed 7 \\\n--tag x\n")
    (here / "round.args").write_text("@link.args\n")
    (here / "link.args").write_text("@./round.args\n")
    with pytest.raises(UserError) as caught:
        with_files([given])
    assert str(caught.value) == message.format(here=here.resolve())


def test_every_command_s_parser_reads_them(here, capsys):
    parser = parser_for("train", "Trains.", "python -m lce_tf.train")
    parser.add_argument("--learning-rate", type=float)
    (here / "common.args").write_text("--learning-rate 3\n")
    assert parser.parse_args(["@common.args"]).learning_rate == 3
    assert parser.parse_args(["@common.args", "--learning-rate", "4"]).learning_rate == 4
    assert "@FILE stands for the options in a file" in parser.format_help()
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["@absent.args"])
    said = "error: @absent.args: no such file; name a file of options after the @; python -m lce_tf.train --help shows "
    assert stopped.value.code == 2 and capsys.readouterr().err == said + "the options\n"
