"""Sessions for tests: with keys that any emulator takes, whatever the machine is set up with."""

from __future__ import annotations

import boto3
from botocore.credentials import Credentials

from worker.aws.sessions import RenewableCredentials, open_session


def any_credentials() -> RenewableCredentials:
    return RenewableCredentials(lambda: Credentials("any", "any"))


def any_session() -> boto3.Session:
    return open_session(any_credentials())
