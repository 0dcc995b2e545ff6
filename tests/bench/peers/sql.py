"""DuckDB over the same recording, on one core: what SQL can do of the work (``job.sql``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import duckdb

from tests.bench.peers.measured import Stopwatch, settle, tell

_JOB: Final = Path(__file__).with_name("job.sql")
_RECORDS: Final = (
    "SELECT decode(from_base64(Data)) AS text,"
    " round(ApproximateArrivalTimestamp * 1000)::BIGINT AS arrival"
    " FROM read_ndjson('{recording}/*.jsonl', columns ="
    " {{Data: 'VARCHAR', ApproximateArrivalTimestamp: 'DOUBLE'}})"
)
_SUMS: Final = (
    "SELECT metric, count(sample), sum(sample) FROM samples WHERE dimensions = ''"
    " AND (metric NOT IN ('SttLatency', 'TtsLatency') OR sample BETWEEN 0 AND 600000)"
    " GROUP BY metric"
)


def main(recording: str, from_files: bool) -> None:
    """``from_files``: with reading the recording, which else is in memory before the watch runs.
    Tells the samples' number and sum of each metric, too.
    """
    database = duckdb.connect()
    database.execute("SET threads = 1")
    select = _RECORDS.format(recording=recording)
    database.execute(f"CREATE TEMP {'VIEW' if from_files else 'TABLE'} records AS {select}")
    settle()
    watch = Stopwatch()
    with watch.running():
        database.execute(_JOB.read_text(encoding="utf-8"))
    (counted,) = database.execute("SELECT count(*) FROM records").fetchall()
    sums = {metric: [int(n), int(of)] for metric, n, of in database.execute(_SUMS).fetchall()}
    tell(records=counted[0], cpu_s=watch.cpu_s, wall_s=watch.wall_s, sums=sums)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "files")
