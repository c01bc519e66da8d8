"""The command for cascades."""

import pytest

from lce_tf.cascade import main
from tests.studies.conftest import checkpoints, config, data  # noqa: F401  (fixtures)


def test_it_works_and_says_so(config, checkpoints, capsys):  # noqa: F811
    options = ["--dataset", config.dataset, "--split", "dev", "--run", config.run, "--output", config.output]
    stages = ["--stages", f"{checkpoints[1]}:10", f"{checkpoints[2]}:4"]
    assert main([*options, *stages]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "to depth 10: 50 pairs, " in lines[0] and lines[0].endswith(f": {config.output}.stage-1")
    assert "to depth 4: 20 pairs, " in lines[1] and lines[2] == f"5 queries, 80 rows: {config.output}"
    assert main([*options, *stages]) == 0
    assert capsys.readouterr().out.count("there already") == 2


def test_what_is_wrong_is_one_line(capsys):
    options = ["--dataset", "pydocs", "--run", "absent.trec", "--output", "out.trec", "--stages", "a:5"]
    assert main(options) == 2
    assert capsys.readouterr().err.startswith("error: --stages: give two or more")
    with pytest.raises(SystemExit) as stop:
        main([*options[:-1], "a:none", "b:2"])
    assert stop.value.code == 2 and "'a:none': give a checkpoint and the passages" in capsys.readouterr().err
