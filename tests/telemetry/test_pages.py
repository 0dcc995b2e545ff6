"""What is answered to those who look after the worker."""

from __future__ import annotations

from tests.telemetry.progresses import FACTS, NOW, progress
from worker.service.shards import ShardProgress
from worker.telemetry.liveness import TURN_WITHIN_S, Liveness
from worker.telemetry.pages import Pages
from worker.telemetry.snapshot import EventCounts, ReportPeriod, TelemetrySnapshot, snapshot_of


class Scene:
    """Pages over a clock and a reading that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.snapshot: TelemetrySnapshot | None = None
        self.read = 0
        self.liveness = Liveness(lambda: self.now)
        self.unready: str | None = "starting"
        self.pages = Pages(
            self.liveness,
            self._read,
            lambda: self.unready,
            lambda: FACTS,
            list,
            lambda: self.now,
        )

    def _read(self) -> TelemetrySnapshot | None:
        self.read += 1
        return self.snapshot

    def commit(self, **changed: object) -> None:
        self.unready = None
        self.snapshot = snapshot_of(
            progress(**changed), EventCounts(NOW, {}, 0), ReportPeriod(), NOW
        )

    def status(self, path: str) -> int:
        return self.pages(path).status


def test_a_worker_that_starts_is_alive_and_not_ready() -> None:
    scene = Scene()
    assert (scene.status("/healthz"), scene.status("/readyz")) == (200, 503)
    scene.commit()
    assert (scene.status("/healthz"), scene.status("/readyz")) == (200, 200)


def test_a_worker_that_is_not_ready_says_why_and_is_alive() -> None:
    scene = Scene()
    scene.commit()
    scene.unready = "the stream can't be read: gone"
    page = scene.pages("/readyz")
    assert (page.status, page.text) == (503, "the stream can't be read: gone\n")
    assert scene.status("/healthz") == 200


def test_lag_has_no_say_in_health() -> None:
    scene = Scene()
    late = NOW - 86_400_000
    scene.commit(
        stream_time=late, shards={"shard-0": ShardProgress(86_400_000, late, paused=False)}
    )
    assert (scene.status("/healthz"), scene.status("/readyz")) == (200, 200)


def test_a_loop_that_stands_still_is_told_with_for_how_long() -> None:
    scene = Scene()
    scene.liveness.on_turn(lambda: None)()
    scene.now += TURN_WITHIN_S + 5
    page = scene.pages("/healthz")
    assert (page.status, page.text) == (503, "no turn for 125 s\n")


def test_metrics_are_made_once_a_second_whoever_asks() -> None:
    scene = Scene()
    scene.commit()
    for _ in range(100):
        assert "voice_insights_worker_heartbeat 1.0\n" in scene.pages("/metrics").text
    assert scene.read == 1
    scene.now += 1
    scene.pages("/metrics")
    assert scene.read == 2


def test_metrics_are_in_the_format_that_is_asked_for() -> None:
    scene = Scene()
    scene.commit()
    plain = scene.pages("/metrics", "text/html, */*")
    assert plain == scene.pages("/metrics")
    assert plain.content_type.startswith("text/plain; version=0.0.4")
    modern = scene.pages("/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert modern.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("\n# EOF\n")
    assert not plain.text.endswith("# EOF\n")


def test_any_other_path_tells_what_there_is() -> None:
    page = Scene().pages("/admin")
    assert page.status == 404
    assert "/healthz" in page.text


def test_before_the_first_commit_the_process_is_there_and_no_metric_of_its_work() -> None:
    text = Scene().pages("/metrics").text
    assert "process_start_time_seconds " in text
    assert "_build_info{" in text
    assert "heartbeat" not in text
