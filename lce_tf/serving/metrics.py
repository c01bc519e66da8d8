"""The server's metrics, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from lce_tf.reranker import Scored
from lce_tf.serving.batching import Batcher

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PAIRS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_CALLERS = (1, 2, 4, 8, 16, 32, 64, 128)
_RELEVANCE = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)


class Metrics:
    """The metrics of one server, in their own registry."""

    def __init__(self):
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "lce_requests", "Requests by route and HTTP status", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "lce_request_seconds", "Seconds from a request's first line to its answer", ["route"], buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._batch_pairs = Histogram("lce_batch_pairs", "Pairs scored together", buckets=_PAIRS, registry=registry)
        self._batch_requests = Histogram(
            "lce_batch_requests", "Requests scored together", buckets=_CALLERS, registry=registry
        )
        self._batch_seconds = Histogram(
            "lce_batch_seconds", "Seconds in which the model scored a batch", buckets=_SECONDS, registry=registry
        )
        self._pairs_scored = Counter("lce_pairs_scored", "Pairs scored", registry=registry)
        self._pairs_cut = Counter("lce_pairs_cut", "Pairs scored of which a text was cut", registry=registry)
        self._relevance = Histogram(
            "lce_relevance", "Relevance of pairs, from 0 to 1", buckets=_RELEVANCE, registry=registry
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, requests: int, pairs: int, seconds: float) -> None:
        """Counts a batch: pairs of `requests` requests scored in one call."""
        self._batch_requests.observe(requests)
        self._batch_pairs.observe(pairs)
        self._batch_seconds.observe(seconds)
        self._pairs_scored.inc(pairs)

    def results(self, scored: Scored) -> None:
        """Counts the results of scored pairs: cut texts, and how relevant the passages are."""
        self._pairs_cut.inc(int(scored.cut.sum()))
        for value in scored.relevance.tolist():
            self._relevance.observe(value)

    def model(self, name: str, sha256: str | None, calibrated: bool) -> None:
        """Exposes which model is served; `sha256` is that of its weights, if it is known."""
        facts = {"model": name, "sha256": sha256 or "", "calibrated": str(calibrated).lower()}
        Info("lce_model", "The model that is served", registry=self._registry).info(facts)

    def watch(self, batcher: Batcher) -> None:
        """Exposes the current length of the queue."""
        for name, what in (("callers", "requests"), ("pairs", "pairs")):
            gauge = Gauge(f"lce_queue_{what}", f"{what.capitalize()} that wait to be scored", registry=self._registry)
            gauge.set_function(lambda name=name: getattr(batcher, name))

    def exposed(self) -> tuple[bytes, str]:
        """The page that Prometheus scrapes, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
