"""Imported by a zygote before it forks: what nearly every worker needs, loaded once and shared by its children."""

from holdfast.runtime.bindings import client
from holdfast.runtime.python import host
from holdfast.runtime.python.network import certificates
from holdfast.runtime.python.rpc import calling, serving
from holdfast.runtime.python.schemas import checks
from holdfast.runtime.python.workers import fetching

fetching.tls_context()  # reads the machine's certificates, which a sandbox does not see
certificates.remember()

__all__ = ["calling", "checks", "client", "host", "serving"]
