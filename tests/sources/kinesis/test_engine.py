"""A Kinesis stream as an engine: whose state may be opened, and where it begins or goes on."""

from __future__ import annotations

from worker.sources.kinesis.engine import KinesisEngine
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription, first_positions
from worker.stream.position import HEAD, Position, Start
from worker.testing.strict_kinesis import StrictKinesis

CREATED = 1_790_942_400_000
SURVEY = StreamDescription(
    "arn:calls", CREATED, 86_400_000, CREATED + 5_000, (ShardInfo("a"), ShardInfo("b"))
)


def engine(description: StreamDescription = SURVEY, start: Start = "trim_horizon") -> KinesisEngine:
    return KinesisEngine(StrictKinesis(lambda: CREATED), description, start, lambda _notice: None)


def test_a_stream_created_again_under_its_name_has_another_identity() -> None:
    assert engine().identity == engine(start="latest").identity
    assert engine().identity != engine(SURVEY._replace(created=CREATED + 1)).identity
    assert engine().identity != engine(SURVEY._replace(arn="arn:others")).identity


def test_a_state_without_positions_begins_at_the_start_in_every_shard() -> None:
    assert engine().open({}).positions == {"a": HEAD, "b": HEAD}
    assert engine(start="latest").open({}).positions == first_positions(SURVEY, "latest")


def test_a_state_with_positions_goes_on_from_them_whatever_the_start() -> None:
    stored = {"a": Position("after", "49", CREATED)}
    assert engine(start="latest").open(stored).positions == stored
