"""A real S3 server on a socket: moto in a thread."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store

RELAY = Relay(OutboundPolicy(frozenset({ip_network("127.0.0.0/8")})))
KEY = AccessKey("AKIAHOLDFASTTEST", "a-secret/with+signs==")


@dataclass(frozen=True)
class Server:
    endpoint: str

    def place(self, *, prefix: str = "pre/fix") -> S3Place:
        """A place in a bucket of its own."""
        return S3Place(self.endpoint, self.bucket(), prefix, allow_http=True)

    def bucket(self) -> str:
        """A new one."""
        name = f"b-{uuid.uuid4().hex}"
        self.client().create_bucket(Bucket=name)
        return name

    def store(self, *, prefix: str = "pre/fix") -> CloudStore:
        return s3_store(self.place(prefix=prefix), KEY, RELAY)

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY.id,
            aws_secret_access_key=KEY.secret,
            region_name="us-east-1",
        )


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Server(f"http://{host}:{port}")
    finally:
        server.stop()
