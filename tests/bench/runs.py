"""One measurement in a process of its own: ``python -m tests.bench.runs NAME ARGUMENT...``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.bench import aggregates, live, replaying, stages, states
from tests.bench.inputs import write_inputs
from tests.bench.peers.measured import tell


def run(name: str, *given: str) -> dict[str, Any]:
    """The figures of the measurement of that name."""
    match (name, *given):
        case ("inputs", folder, records, seed):
            write_inputs(Path(folder), int(records), int(seed))
            return {}
        case ("state", path, sessions, seed):
            states.write_state(Path(path), int(sessions), int(seed))
            return {}
        case ("replay" | "replay_as_live" | "replay_files" | "append_json" | "append_validated", _):
            figures: dict[str, Any] = getattr(replaying, name)(given[0])
            return figures
        case ("stages", recording):
            return {**stages.stages(recording)}
        case ("curve", records, seed):
            return replaying.curve(int(records), int(seed))
        case ("live", endpoint, state, records):
            return live.live(endpoint, state, int(records))
        case ("fetch", endpoint, records):
            return live.fetch(endpoint, int(records))
        case ("restore", state, sessions):
            return states.restore(state, int(sessions))
        case ("commit", state, sessions, new_events, seed):
            return states.commit(state, int(sessions), int(new_events), int(seed))
        case ("ours" | "library" | "checksums", records, seed, size):
            opened: dict[str, Any] = getattr(aggregates, name)(
                int(records), int(seed), size == "small"
            )
            return opened
        case _:
            raise SystemExit(f"no such measurement: {name} {given}")


if __name__ == "__main__":
    tell(**run(*sys.argv[1:]))
