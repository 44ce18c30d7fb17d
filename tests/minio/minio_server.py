"""A MinIO as a process, with keys under policies."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx

PROGRAM = os.environ.get("HOLDFAST_TEST_MINIO", "")
ROOT_USER, ROOT_SECRET = "holdfast-root", secrets.token_hex(16)


@dataclass(frozen=True)
class MinIO:
    """Its owner's key can do everything; others are service accounts under a policy."""

    endpoint: str

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=ROOT_USER,
            aws_secret_access_key=ROOT_SECRET,
            region_name="us-east-1",
        )

    def bucket(self, **more: Any) -> str:
        name = f"b-{secrets.token_hex(8)}"
        self.client().create_bucket(Bucket=name, **more)
        return name

    def limited(self, policy: str) -> tuple[str, str, str]:
        """(id, secret, token) of a key that may do only what the policy says (STS AssumeRole)."""
        given = self.client("sts").assume_role(
            RoleArn="arn:minio:iam:::role/anything", RoleSessionName="test", Policy=policy, DurationSeconds=900
        )["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


@contextmanager
def minio_server() -> Iterator[MinIO]:
    with tempfile.TemporaryDirectory(prefix="hf-minio-") as root, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        argv = [PROGRAM, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:0", root]
        environ = {
            "MINIO_ROOT_USER": ROOT_USER,
            "MINIO_ROOT_PASSWORD": ROOT_SECRET,
            "HOME": root,
            "MINIO_BROWSER": "off",
        }
        child = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _until_ready(child, f"http://{address}")
            yield MinIO(f"http://{address}")
        finally:
            child.terminate()
            child.wait(20)


def _until_ready(child: subprocess.Popen[bytes], endpoint: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{endpoint}/minio/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert child.poll() is None, (child.stderr.read() if child.stderr else b"").decode()
        assert time.monotonic() < until, "MinIO did not start"
        time.sleep(0.1)
