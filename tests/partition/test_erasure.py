"""An erased call is counted when it is delivered again, and leaves no other trace."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import KEY, Driven, accounts_add_up
from tests.scenes import BASE, Result, cloud_event, records
from worker.errors import BadInput
from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.partition.dead_letters import (
    DeadLetter,
    encode_letter,
    occurrence_letter,
    samples_letter,
    session_letter,
)
from worker.partition.delta import Delta, decode_delta, merge
from worker.partition.erasure import Erasure, erasure_of
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

TRAFFIC = Traffic(sessions=6, spread_s=120, duplicates=0.1, stragglers=0.02, malformed=0)
SID = "CA0123456789abcdef0123456789abcdef"
OTHER = "CAfedcba9876543210fedcba9876543210"


def restored(driven: Driven) -> Delta:
    return merge(map(decode_delta, driven.deltas))


def erased_from(driven: Driven, sid: str) -> Driven:
    """A new owner's, of a state from which a call was erased."""
    state, _ = Erasure(sid).without(restored(driven))
    again = Driven(Rules(), state)
    again.archive = {
        key: one for key, one in driven.archive.items() if not Erasure(sid).covers(key)
    }
    return again


def records_of(driven: Driven) -> dict[str, bytes]:
    lines = [one.line for one in driven.finish().records]
    return {msgspec.json.decode(line)["session_id"]: line for line in lines}


def number_of(record: Record) -> str:
    return str(json.loads(record.data)["data"].get("call_sid"))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.data())
def test_all_other_sessions_are_as_if_nothing_had_been_erased(
    seed: int, data: st.DataObject
) -> None:
    stream = list(simulated_records(TRAFFIC, seed))
    at = data.draw(st.integers(0, len(stream)))
    steady, before = Driven(Rules()), Driven(Rules())
    for driven in (steady, before):
        driven.take(stream[:at])
        driven.commit()
    keys = before.partition.keys()
    sid = data.draw(st.sampled_from(keys)).session_id if keys else "VXnone"
    after = erased_from(before, sid)
    steady.take([*stream[at:], *stream])
    after.take([*stream[at:], *stream])
    others = {id_: line for id_, line in records_of(steady).items() if id_ != sid}
    assert records_of(after) == others
    assert accounts_add_up(after.partition.counters)
    assert (after.partition.counters["erased"] > 0) == bool(keys)


def test_each_event_of_an_erased_call_is_erased_however_old_and_none_is_kept() -> None:
    driven = Driven(Rules(), Delta(erased=[Erasure("CA1").digest]))
    driven.partition.tip("shard-0", BASE + 10 * 86_400_000)
    driven.partition.advance(["shard-0"])
    scene = [(0, "prompt_sent"), (900, "first_token_received"), (2000, "call_wrap_up")]
    driven.take(records(scene))
    outputs = driven.finish()
    assert driven.partition.counters["erased"] == driven.partition.counters["events"] == 3
    assert accounts_add_up(driven.partition.counters)
    assert (outputs.records, outputs.dead_letters, outputs.window) == ([], [], {})
    assert b"CA1" not in b"".join(driven.deltas)


@pytest.mark.parametrize("sid", [KEY.call_sid, KEY.session_id])
def test_a_session_is_erased_by_its_call_and_by_itself(sid: str) -> None:
    driven = Driven(Rules())
    driven.take(records([(0, "prompt_sent")]))
    driven.commit()
    state, removed = Erasure(sid).without(restored(driven))
    assert (removed, state.sessions) == (1, [])
    again = Driven(Rules(), state)
    again.take(records([(0, "prompt_sent")]))
    assert again.partition.counters["erased"] == 1
    assert again.partition.resident == 0


def test_digests_are_kept_by_every_merge_and_once() -> None:
    one, two = Erasure("CA1").digest, Erasure("CA2").digest
    deltas = [Delta(erased=[one]), Delta(), Delta(erased=[two, one])]
    assert merge(deltas).erased == [one, two]
    state, _ = Erasure("CA1").without(merge(deltas))
    assert state.erased == [one, two]


def test_a_record_is_covered_by_its_ids_and_not_by_what_it_says() -> None:
    record = Result(records([(0, "prompt_sent")])).record
    of_call = {**record, "call_sid": SID}
    mentions = {**record, "call_sid": OTHER, "errors": [{"code": 1, "message": f"see {SID}"}]}
    erasure = erasure_of(SID)
    assert erasure.covers_record(msgspec.json.encode(of_call))
    assert not erasure.covers_record(msgspec.json.encode(mentions))
    torn = msgspec.json.encode(of_call)[:-30]
    assert erasure.covers_record(torn)


def test_a_dead_letter_is_covered_by_its_ids_or_by_its_bytes() -> None:
    erasure, place = erasure_of(SID), Origin("shard-0", "1", None, BASE)
    unreadable = cloud_event(0, "prompt_sent").replace(b"CA1", SID.encode())[:-1]
    session = session_letter("a defect", SessionKey("twilio", "AC1", SID, "VX1"), BASE, b"")
    others: list[DeadLetter] = [
        occurrence_letter("no time", place, unreadable.replace(SID.encode(), OTHER.encode())),
        occurrence_letter("no time", place, f"{SID}0".encode()),
        session_letter("a defect", SessionKey("twilio", "AC1", OTHER, "VX1"), BASE, SID.encode()),
        samples_letter("too old", BASE, []),
    ]
    for letter in (occurrence_letter("no JSON", place, unreadable), session):
        assert erasure.covers_letter(encode_letter(letter))
    assert not any(erasure.covers_letter(encode_letter(letter)) for letter in others)
    assert erasure.covers_letter(encode_letter(session)[:-2])  # torn


@pytest.mark.parametrize("text", ["", "1", "CA1", "a b c d e f", "CA" + "0" * 300, "CA123456\n"])
def test_what_can_not_name_a_call_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        erasure_of(text)
