"""Credentials that AWS refuses are loaded anew; what can't be renewed by this process ends it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from worker.aws.clients import no_retry_config
from worker.aws.errors import EXPIRED_TOKEN_CODES
from worker.aws.secrets import UnsendableCredential
from worker.aws.sessions import AGAIN_S, REFUSED, RenewableCredentials, open_session
from worker.errors import Misconfigured

KEYS = st.sampled_from(["AKIA1", "AKIA2", "AKIA3"])


class Scene:
    """Credentials out of a file that a test writes, and a clock that it moves."""

    def __init__(self, key: str | None = "AKIA1", method: str = "shared-credentials-file") -> None:
        self.key = key
        self.method = method
        self.now = 1000.0
        self.loaded = 0
        self.credentials = RenewableCredentials(self._load, lambda: self.now)

    def _load(self) -> Credentials | None:
        self.loaded += 1
        return None if self.key is None else Credentials(self.key, "x", method=self.method)

    def signs_with(self) -> str:
        return str(self.credentials.get_frozen_credentials().access_key)

    def refuse(self, code: str) -> None:
        self.credentials.answered(parsed={"Error": {"Code": code}})


@given(st.lists(st.tuples(KEYS, st.sampled_from([*sorted(REFUSED), "Throttling", ""]))))
def test_after_a_refusal_the_next_call_is_signed_with_what_is_there_now(
    written: list[tuple[str, str]],
) -> None:
    scene = Scene()
    used = scene.signs_with()
    for key, code in written:
        scene.key = key
        scene.now += AGAIN_S
        scene.refuse(code)
        used = key if code in REFUSED else used
        assert scene.signs_with() == used
        assert scene.credentials.over is None


def test_a_key_that_no_header_can_carry_signs_nothing_and_is_named() -> None:
    scene = Scene("AKIA1\n", "env")
    with pytest.raises(UnsendableCredential, match="AWS_ACCESS_KEY_ID, found by env"):
        scene.signs_with()


def test_however_many_calls_are_refused_they_are_loaded_only_now_and_then() -> None:
    scene = Scene()
    for n in range(1000):
        scene.now = 1000 + n / 10
        scene.signs_with()
        scene.refuse("ExpiredTokenException")
    assert scene.loaded <= 1 + 100 / AGAIN_S


@pytest.mark.parametrize("code", sorted(REFUSED))
@pytest.mark.parametrize("method", ["env", "shared-credentials-file", "sso", "iam-role"])
def test_only_expired_credentials_of_the_environment_can_never_be_renewed(
    code: str, method: str
) -> None:
    scene = Scene(method=method)
    scene.signs_with()
    scene.credentials.check()
    scene.refuse(code)
    scene.now += AGAIN_S
    scene.signs_with()
    if code in EXPIRED_TOKEN_CODES and method == "env":
        with pytest.raises(Misconfigured, match=r"renew AWS_ACCESS_KEY_ID.* start again"):
            scene.credentials.check()
    else:
        scene.credentials.check()


def test_credentials_that_come_later_are_found_and_none_is_told_as_that() -> None:
    scene = Scene(key=None)
    assert scene.credentials.method is None
    with pytest.raises(NoCredentialsError):
        scene.signs_with()
    scene.key = "AKIA2"
    assert scene.signs_with() == "AKIA2"


@contextmanager
def environment(**set_: str) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(set_)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_profile_that_is_not_there_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("[default\nregion = x")
    for set_, named in (
        ({"AWS_PROFILE": "nonesuch"}, "nonesuch"),
        ({"AWS_CONFIG_FILE": str(broken)}, str(broken)),
    ):
        with environment(**set_), pytest.raises(Misconfigured, match=named):
            open_session()


def test_a_static_file_that_was_written_anew_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "credentials"

    def write(key: str) -> None:
        path.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=x\n")

    write("AKIA1")
    with environment(AWS_SHARED_CREDENTIALS_FILE=str(path), AWS_EC2_METADATA_DISABLED="true"):
        now = [0.0]
        credentials = RenewableCredentials(monotonic=lambda: now[0])
        session = open_session(credentials)
        assert session.get_credentials().get_frozen_credentials().access_key == "AKIA1"
        write("AKIA2")
        credentials.answered(parsed={"Error": {"Code": "ExpiredToken"}})
        now[0] += AGAIN_S
        assert session.get_credentials().get_frozen_credentials().access_key == "AKIA2"


def test_a_client_that_is_refused_signs_its_next_call_with_what_has_been_written() -> None:
    scene = Scene()
    signed: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            signed.append(key)
            refusal = b'{"__type": "ExpiredTokenException", "message": "it is expired"}'
            body = refusal if key == "AKIA1" else b'{"Shards": []}'
            self.send_response(400 if key == "AKIA1" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        client = open_session(scene.credentials).client(
            "kinesis", region_name="eu-west-1", endpoint_url=url, config=no_retry_config(1)
        )
        with pytest.raises(ClientError, match="expired"):
            client.list_shards(StreamName="s")
        scene.key = "AKIA2"
        scene.now += AGAIN_S
        client.list_shards(StreamName="s")
        server.shutdown()
    assert signed == ["AKIA1", "AKIA2"]
