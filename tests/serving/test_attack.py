"""The attacks: each body is JSON of its size, and the server answers /health meanwhile."""

import asyncio
import json

import pytest

from experiments.serving.attack import attack, bodies, main


def test_bodies_are_json_of_their_size():
    for name, body in bodies(50_000).items():
        assert 45_000 < len(body) <= 60_000, name
        if name != "deep":
            assert json.loads(body)["query"] == "q"


def test_a_server_that_is_attacked_answers(server, capsys):
    asyncio.run(attack(server(max_body_mb=0.2, max_connections=8), 100_000, 2, 50, 0.5))
    costly, chunks, half = capsys.readouterr().out.splitlines()
    assert costly.startswith("costly bodies: /health took ") and ", lost 0; numbers 413, empty objects 413" in costly
    assert "one long text 200" in costly and "deep 413" in costly
    assert chunks.startswith("small chunks: /health took ") and ", lost 0; " in chunks
    assert half.startswith("half heads: /health took ") and " connections opened, " in half


def test_only_one_s_own_server_is_attacked(capsys):
    assert main(["--url", "http://example.org"]) == 2
    assert capsys.readouterr().err.startswith("error: --url http://example.org: is not on this machine")


@pytest.mark.parametrize("status", [200, 503])
def test_the_exit_status_tells(monkeypatch, status):
    async def good(*_):
        return status == 200

    monkeypatch.setattr("experiments.serving.attack.attack", good)
    assert main([]) == int(status != 200)
