"""Through an SSH server to a database only it can reach: pinned key, one destination, made again, gone at the end."""

from __future__ import annotations

from typing import Any

import pytest
from foreign_pg import ForeignSubject
from foreign_world import registered, target
from pg_server import Cluster
from ssh_server import PASSWORD, USER, SshHouse, ssh_house
from world import OWNER, World, eventually, refused

from holdfast.features.databases.external_target import SshTarget


def through(house: SshHouse, **more: Any) -> SshTarget:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": house.port, "user": USER, "host_key": house.shown}
    if "password" not in more:
        given["key"] = house.key
    return SshTarget(**(given | more))


def tried(here: World, wish: Any) -> str:
    found = here.services.externals.test(OWNER, here.environment.id, "postgresql", wish)
    return str((found.error or {}).get("code", "reached"))


def test_tunnel(here: World, foreign18: Cluster) -> None:
    """Queried and backed up through it; a cut tunnel is made again; with the last session it is closed."""
    port = foreign18.endpoint.port or 0
    with ForeignSubject(foreign18).fresh() as place, ssh_house(("127.0.0.1", port)) as house:
        name = place.endpoint.database or ""
        resource = registered(here, "behind-ssh", target(foreign18, name, ssh=through(house)))
        here.write(resource.id, "CREATE TABLE t AS SELECT generate_series(1, 20000) AS id")
        assert here.rows(resource.id, "SELECT count(*) FROM t") == [(20000,)]
        eventually(lambda: not house.connections)
        assert here.snapshot(resource.id, level=1).verification == "green"
        assert set(house.asked) == {("127.0.0.1", port)}, "forwarded to the registered database and nowhere else"
        lease = here.services.reach.lease(resource)
        with lease:
            import psycopg

            from holdfast.engines.postgresql import link

            keywords = link.parameters(lease.endpoint, "ro")
            psycopg.connect(**keywords).close()
            made = house.made
            house.drop()
            eventually(lambda: not house.connections)
            psycopg.connect(**keywords).close()
            assert house.made == made + 1, "connected anew"
        eventually(lambda: not house.connections)
        shown = here.database(resource.id).endpoint or {}
        assert house.key.splitlines()[1] not in str(shown)
        assert shown["where"]["ssh"]["host_key"] == " ".join(house.shown.split()[:2])


def test_refusals(here: World, foreign18: Cluster) -> None:
    """Another host key, a wrong login, a place the server does not forward to: each says so, and nothing is sent on."""
    port = foreign18.endpoint.port or 0
    with ssh_house(("127.0.0.1", port)) as house:
        assert tried(here, target(foreign18, "postgres", ssh=through(house))) == "reached"
        assert tried(here, target(foreign18, "postgres", ssh=through(house, password=PASSWORD))) == "reached"
        assert tried(here, target(foreign18, "postgres", ssh=through(house, password="no"))) == "ssh_login_refused"
        assert tried(here, target(foreign18, "postgres", ssh=through(house, user="root"))) == "ssh_login_refused"
        house.allowed.clear()
        assert tried(here, target(foreign18, "postgres", ssh=through(house))) == "ssh_forward_refused"
        before = through(house)
        house.change_host_key()
        asked = len(house.asked)
        assert tried(here, target(foreign18, "postgres", ssh=before)) == "ssh_host_key_changed"
        assert len(house.asked) == asked
        assert house.made >= 1
    assert tried(here, target(foreign18, "postgres", ssh=before)) == "port_closed"


def test_host_key_is_confirmed_by_a_person(here: World, foreign18: Cluster) -> None:
    """Without one nothing is registered; it is shown with its fingerprint, without a login."""
    externals, env = here.services.externals, here.environment.id
    with ssh_house() as house:
        wish = target(foreign18, "postgres", ssh=through(house, host_key=None))
        refused("ssh_host_key_unconfirmed", lambda: externals.test(OWNER, env, "postgresql", wish))
        shown, fingerprint = externals.host_key(OWNER, env, "127.0.0.1", house.port)
        assert shown.split()[:2] == house.shown.split()[:2]
        assert fingerprint == house.host_key.get_fingerprint()


@pytest.mark.parametrize("host", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"])
def test_no_tunnel_to_metadata(here: World, foreign18: Cluster, host: str) -> None:
    """Not even from the SSH server, and an SSH server on this machine leads to nothing that is refused directly."""
    with ssh_house((host, 80)) as house:
        wish = target(foreign18, "postgres", host=host, port=80, ssh=through(house))
        assert tried(here, wish) == "address_refused"
        assert house.asked == []
