"""Stream time goes on only by dates that the machine's clock supports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.kinesis.taking import taken
from worker.errors import Misconfigured
from worker.sources.kinesis.api import Answer, GetIterator, GetRecords, SurveyStream
from worker.sources.kinesis.clocks import AGREE_WITHIN, ClockDoubt, supported
from worker.sources.kinesis.lineage import ShardInfo, Survey, first_positions, forgettable
from worker.sources.kinesis.notices import ClocksDiffer
from worker.sources.kinesis.scheduler import Schedule
from worker.stream.position import Position

NOON = 1_790_942_400_000
DAY = 86_400_000
TIMES = st.integers(NOON - 30 * DAY, NOON + 30 * DAY)
