"""Supervising sandboxes: each version has its sockets always and its processes when they are needed."""

from holdfast.runtime.pool.control import PoolClient, control_socket
from holdfast.runtime.pool.face import Exit, Groups, Order, Running, Spawn, Used
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.pool.pool import Parts, Pool

__all__ = [
    "Exit",
    "Groups",
    "Order",
    "Parts",
    "Policy",
    "Pool",
    "PoolClient",
    "Running",
    "Spawn",
    "Used",
    "control_socket",
]
