"""Run by LocalStack when it is up: makes what the worker needs."""

from __future__ import annotations

import os

import boto3

NAME = "voice-insights"
SHARDS = 2

# in a container GATEWAY_LISTEN names every address, and the port is the same
port = os.environ.get("GATEWAY_LISTEN", ":4566").split(",")[0].rpartition(":")[2]
client = boto3.Session("test", "test", region_name="us-east-1").client
at = f"http://127.0.0.1:{port}"

client("kinesis", endpoint_url=at).create_stream(StreamName=NAME, ShardCount=SHARDS)
client("s3", endpoint_url=at).create_bucket(Bucket=NAME)
client("logs", endpoint_url=at).create_log_group(logGroupName=f"/{NAME}/worker")
