"""What lives on another node: said clearly, with the node's name, before anything is touched."""

from __future__ import annotations

from typing import ClassVar

from holdfast.kernel.errors import Conflict, Permanent


class OtherNode(Permanent):
    """The files or the server are on another node (RFC 9110, 15.5.20): the same call is answered there."""

    default_code: ClassVar[str] = "other_node"
    status: ClassVar[int] = 421


def require_node(here: str, where: str | None, what: str) -> None:
    """Raises OtherNode unless `where` is this node, or no node at all."""
    if where is None or where == here:
        return
    raise OtherNode(
        f"{what} is on the node {where!r}, this is {here!r}",
        hint=f"Ask the node {where}: `holdfast node show {where}` says where it listens. Runs go there by themselves.",
        details={"node": where, "here": here},
    )


def common_node(one: str | None, other: str | None, what: str) -> str | None:
    """The node that reaches both; None = any. Raises Conflict("nodes_apart") when there is none."""
    if one is not None and other is not None and one != other:
        raise Conflict(
            f"{what}: one is on the node {one!r}, the other on {other!r}, and no node reaches both",
            code="nodes_apart",
            hint="Use a repository on the database's node, or one that every node reaches, such as S3.",
            details={"nodes": [one, other]},
        )
    return one if one is not None else other
