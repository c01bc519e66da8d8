"""`python -m experiments.serving.load`: sends requests from many clients at once, and counts the answers."""

import argparse
import asyncio
import collections
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, command_main

MOST_CLIENTS, MOST_REQUESTS = 512, 100_000
# Words used in passages, and words per passage: about MS MARCO's mean.
WORDS = "the of and to in is for that with as on by this are be from or an at it water people time other city".split()
LENGTH = 52
# Rounding may differ between batches; scores of another client's texts differ by more.
SAME = 1e-3


@dataclass
class Outcome:
    """The results of all requests.

    Attributes:
        statuses: HTTP status -> number of answers.
        latencies: seconds of each answer with status 200.
        lost: requests without an answer.
        wrong: answers with status 200 that lack a document or differ from the client's first one.
        seconds: from the first request to the last answer.
    """

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    latencies: list[float] = field(default_factory=list)
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def report(self) -> str:
        """Rates and latencies, one a line."""
        answered = len(self.latencies)
        middle, late = np.percentile(self.latencies, [50, 99]) * 1000 if answered else (np.nan, np.nan)
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return "\n".join(
            [
                f"{answered / self.seconds:.1f} requests/s answered over {self.seconds:.1f} s",
                f"p50 {middle:.1f} ms, p99 {late:.1f} ms",
                f"statuses {statuses or 'none'}; lost {self.lost}, wrong {self.wrong}",
            ]
        )


async def load(url: str, clients: int, requests: int, documents: int, token: str | None, timeout: float) -> Outcome:
    """The results of `requests` requests of `documents` documents by each of `clients` clients, all started at once.

    Every client keeps one connection and repeats its own request; the requests of different clients differ.

    Args:
        timeout: seconds after which a request counts as lost.
    """
    outcome = Outcome()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(_client(url, number, requests, documents, headers, timeout, outcome))
    outcome.seconds = time.perf_counter() - began
    return outcome


async def _client(url, number, requests, documents, headers, timeout, outcome: Outcome) -> None:
    draw = np.random.default_rng(number)
    texts = [" ".join(draw.choice(WORDS, LENGTH)) for _ in range(documents)]
    body = {"query": " ".join(draw.choice(WORDS, 6)), "documents": texts}
    first = None
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False) as client:
        for _ in range(requests):
            began = time.perf_counter()
            try:
                answer = await client.post("/v2/rerank", json=body)
            except httpx.HTTPError:
                outcome.lost += 1
                continue
            outcome.statuses[answer.status_code] += 1
            if answer.status_code != 200:
                continue
            outcome.latencies.append(time.perf_counter() - began)
            scores = {hit["index"]: hit["relevance_score"] for hit in answer.json()["results"]}
            first = first or scores
            outcome.wrong += not _agree(scores, first, documents)


def _agree(scores: dict[int, float], first: dict[int, float], documents: int) -> bool:
    whole = scores.keys() == first.keys() == set(range(documents))
    return whole and all(abs(scores[index] - first[index]) <= SAME for index in scores)


def parser() -> argparse.ArgumentParser:
    """The script's command line."""
    result = argparse.ArgumentParser(
        prog="python -m experiments.serving.load", description=__doc__.partition(": ")[2], formatter_class=HelpFormatter
    )
    add = result.add_argument
    add("--url", default="http://127.0.0.1:8000", help="where lce serve listens, on this machine")
    add("--clients", type=int, default=8, help=f"that ask at once, {MOST_CLIENTS} at most")
    add("--requests", type=int, default=25, help=f"of each client, {MOST_REQUESTS} in all at most")
    add("--documents", type=int, default=20, help=f"of each request, of {LENGTH} words")
    add("--token", help="which the server asks for")
    add("--timeout", type=float, default=60.0, help="seconds after which a request counts as lost")
    return result


def _main(arguments: argparse.Namespace) -> int:
    if urlsplit(arguments.url).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise UserError(f"--url {arguments.url}: is not on this machine; load your own server only")
    clients, requests, documents = arguments.clients, arguments.requests, arguments.documents
    if min(clients, requests, documents) < 1:
        raise UserError("--clients, --requests and --documents: give 1 or more")
    if clients > MOST_CLIENTS or clients * requests > MOST_REQUESTS:
        raise UserError(f"{clients} clients, {clients * requests} requests: {MOST_CLIENTS} and {MOST_REQUESTS} at most")
    outcome = asyncio.run(load(arguments.url, clients, requests, documents, arguments.token, arguments.timeout))
    print(outcome.report())
    return int(bool(outcome.lost or outcome.wrong))


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
