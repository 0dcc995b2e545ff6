"""A Kinesis stream that costs next to nothing to ask, full of a backlog.

``python -m tests.bench.stub RECORDING`` serves a recording on loopback and prints its address.
Requests are neither checked nor paced; a call of GetRecords gets what Kinesis gives to one that is
far behind: as many records as it asks for, at most 10,000 of them and 10 MiB. Other services' calls
go to ``--others``, if that is given.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any, Final

RECORDS: Final = 10_000
"""The most records of an answer."""

BYTES: Final = 10 << 20
"""The most bytes of an answer's records, decoded."""

_IN_BASE64: Final = 3 / 4  # of a line is its data, at most
_HOUR_MS: Final = 3_600_000
_HASH_KEYS: Final = 1 << 128
_STREAM: Final = "arn:aws:kinesis:us-east-1:123456789012:stream/bench"


class Shards:
    """Each shard's records, and the answer to an iterator: ``SHARD/NUMBER``, the first record's."""

    def __init__(self, lines: Mapping[str, list[bytes]]) -> None:
        self.names = sorted(lines)
        self._lines = lines

    def records(self, iterator: str, most: int = RECORDS) -> bytes:
        shard, _, number = iterator.rpartition("/")
        of_shard, first = self._lines[shard], int(number)
        lines = of_shard[first : first + min(most, RECORDS)]
        sizes = accumulate(len(line) * _IN_BASE64 for line in lines)
        fitting = max(1, sum(1 for _ in takewhile(lambda size: size <= BYTES, sizes)))
        end = first + len(lines[:fitting])
        return _body(lines[:fitting], f"{shard}/{end}", _HOUR_MS if end < len(of_shard) else 1)


def _body(lines: Iterable[bytes], following: str, millis_behind: int) -> bytes:
    # never at the tip: the server's clock has nothing to do with the time of the recording
    head = b'{"MillisBehindLatest":%d,"NextShardIterator":"%b","Records":[' % (
        millis_behind,
        following.encode(),
    )
    return head + b",".join(lines) + b"]}"


def lines_of(recording: Path) -> dict[str, list[bytes]]:
    """The recording's lines are records as GetRecords gives them."""
    return {file.stem: file.read_bytes().splitlines() for file in sorted(recording.glob("*.jsonl"))}


class Stub:
    """A server on a free port of loopback, a thread for each connection."""

    def __init__(self, shards: Shards, others: str | None = None) -> None:
        self._shards = shards
        self._others = others
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def start(self) -> None:
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            while (headers := _headers(incoming)) is not None:
                length = int(headers.get("content-length", "0"))
                request = incoming.read(length)
                if len(request) < length:
                    return
                status, body = self._answer(headers, request)
                date = formatdate(time.time(), usegmt=True)
                head = (
                    f"HTTP/1.1 {status} X\r\nDate: {date}\r\nx-amzn-RequestId: 1\r\n"
                    "Content-Type: application/x-amz-json-1.1\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                try:
                    connection.sendall(head.encode() + body)
                except OSError:
                    return

    def _answer(self, headers: Mapping[str, str], request: bytes) -> tuple[int, bytes]:
        target = headers.get("x-amz-target", "")
        if not target.startswith("Kinesis_"):
            return self._from_others(headers, request)
        operation = target.rpartition(".")[2]
        asked = json.loads(request)
        if operation == "GetRecords":
            return 200, self._shards.records(asked["ShardIterator"], asked.get("Limit", RECORDS))
        return 200, json.dumps(self._described(operation, asked)).encode()

    def _described(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "GetShardIterator":
            return {"ShardIterator": f"{asked['ShardId']}/0"}
        names = self._shards.names
        shards = [_shard(name, n, len(names)) for n, name in enumerate(names)]
        if operation == "ListShards":
            return {"Shards": shards}
        about = {
            "StreamName": "bench",
            "StreamARN": _STREAM,
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_790_000_000.0,
            "EnhancedMonitoring": [],
        }
        if operation == "DescribeStream":
            return {"StreamDescription": {**about, "Shards": shards, "HasMoreShards": False}}
        return {"StreamDescriptionSummary": {**about, "OpenShardCount": len(shards)}}

    def _from_others(self, headers: Mapping[str, str], request: bytes) -> tuple[int, bytes]:
        if self._others is None:
            return 404, b"{}"
        passed = {name: text for name, text in headers.items() if name != "content-length"}
        asked = urllib.request.Request(self._others, data=request, headers=passed)
        try:
            with urllib.request.urlopen(asked) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def _shard(name: str, n: int, of: int) -> dict[str, Any]:
    first, following = (_HASH_KEYS * place // of for place in (n, n + 1))
    return {
        "ShardId": name,
        "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(following - 1)},
        "SequenceNumberRange": {"StartingSequenceNumber": "1"},
    }


def _headers(incoming: Any) -> dict[str, str] | None:
    """A request's headers by lower-case name; None at the end of the connection."""
    try:
        if not incoming.readline():
            return None
        headers = {}
        while (line := incoming.readline().strip()) != b"":
            name, _, text = line.decode("latin-1").partition(":")
            headers[name.lower()] = text.strip()
    except OSError:
        return None
    return headers


def main(recording: str, others: str | None = None) -> None:
    stub = Stub(Shards(lines_of(Path(recording))), others)
    sys.stdout.write(stub.endpoint + "\n")
    sys.stdout.flush()
    stub.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
