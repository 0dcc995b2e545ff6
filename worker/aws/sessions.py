"""AWS sessions that reload their credentials once AWS rejects those in use.

boto3 reads a profile's keys once and keeps them, and likewise a token's cache. A process that
outlives them would use expired credentials forever, even if the files have been renewed since.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic as machine_monotonic
from typing import Any, Final

import boto3
import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, NoCredentialsError

from worker.aws.answers import refuse_other_answers
from worker.aws.errors import EXPIRED_TOKEN_CODES, one_line
from worker.aws.secrets import require_sendable
from worker.errors import Misconfigured

REFUSED: Final = EXPIRED_TOKEN_CODES | {
    *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken"),
    *("UnrecognizedClientException", "TokenRefreshRequired"),
}
"""Error codes of credentials that AWS doesn't know, or no longer accepts."""

AGAIN_S: Final = 5.0
"""The least time between reloads of credentials, however many calls are rejected."""

_OF_THE_PROCESS: Final = frozenset({"env", "explicit"})
"""Methods that find the same credentials for as long as the process lives."""


class RenewableCredentials:
    """Credentials by botocore's protocol, as loaded by ``load``. Safe for threads.

    ``load`` searches all the usual places each time and may raise botocore's errors; so may each
    call that must be signed. ``monotonic`` gives seconds.
    """

    def __init__(
        self,
        load: Callable[[], Credentials | None] | None = None,
        monotonic: Callable[[], float] = machine_monotonic,
    ) -> None:
        self._load = load or _usual
        self._monotonic = monotonic
        self._lock = Lock()
        self._current: Credentials | None = None
        self._refused: str | None = None
        self._loaded_at = 0.0
        self.over: str | None = None
        """The reason why AWS can never accept this process again, and what to renew; or None."""

    @property
    def method(self) -> str | None:
        """The method that found the credentials; None without any. Raises botocore's errors."""
        with self._lock:
            found = self._in_use()
        return None if found is None else str(found.method)

    def get_frozen_credentials(self) -> Any:
        """The current keys, by botocore's protocol. Raises ``UnsendableCredential`` if no header
        can carry them.
        """
        with self._lock:
            found = self._in_use()
        if found is None:
            raise NoCredentialsError
        keys = found.get_frozen_credentials()
        require_sendable(keys, str(found.method))
        return keys

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        """A function that reads a property when it is needed, by botocore's protocol."""
        return lambda: getattr(self._current, name, None)

    def check(self) -> None:
        """Raise ``Misconfigured`` once AWS can never accept this process again."""
        if self.over is not None:
            raise Misconfigured(self.over)

    def answered(self, **event: Any) -> None:
        """Handle botocore's event after each call: note whether AWS rejected the credentials."""
        code = str((event.get("parsed") or {}).get("Error", {}).get("Code", ""))
        if code in REFUSED:
            with self._lock:
                self._refused = code

    def _in_use(self) -> Credentials | None:
        due = self._monotonic() >= self._loaded_at + AGAIN_S
        if self._current is None or (self._refused is not None and due):
            self._renew()
        return self._current

    def _renew(self) -> None:
        before, refused = self._current, self._refused
        self._loaded_at = self._monotonic()
        self._current = self._load()
        self._refused = None
        if refused in EXPIRED_TOKEN_CODES and before is not None and self._current is not None:
            same = _keys(before) == _keys(self._current)
            if same and self._current.method in _OF_THE_PROCESS:
                self.over = (
                    f"AWS says {refused}: the credentials in this process's environment have "
                    "expired; renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                    "AWS_SESSION_TOKEN, and start again"
                )


class _Provider:
    """A credential provider for botocore sessions."""

    def __init__(self, credentials: RenewableCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> RenewableCredentials:
        return self._credentials


def open_session(credentials: RenewableCredentials | None = None) -> boto3.Session:
    """Open a session by the usual environment and files; its clients reject answers that are not
    the service's.

    Raises ``Misconfigured`` for a profile that doesn't exist, or a file that can't be parsed.
    """
    found = credentials or RenewableCredentials()
    core = botocore.session.Session()
    try:
        core.get_scoped_config()
    except BotoCoreError as error:
        raise Misconfigured(f"AWS's configuration: {one_line(error)}") from error
    core.register_component("credential_provider", _Provider(found))
    core.register("after-call", found.answered)
    refuse_other_answers(core)
    return boto3.Session(botocore_session=core)


def _usual() -> Credentials | None:
    return botocore.session.Session().get_credentials()


def _keys(credentials: Credentials) -> tuple[object, object, object]:
    return credentials.access_key, credentials.secret_key, credentials.token
