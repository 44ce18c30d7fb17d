"""Specs with a memory limit: what was not given fits into it, and what was given is left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.engines.valkey.spec import ValkeySpec


@given(some.integers(64, 1 << 20), some.integers(1, 490))
def test_it_fits(memory: int, sessions: int) -> None:
    spec = PostgresqlSpec(memory_mb=memory, connection_limit=sessions)
    assert spec.shared_buffers_mb + spec.maintenance_work_mem_mb <= memory * 3 // 8
    assert spec.work_mem_mb == 1 or spec.work_mem_mb * sessions <= memory // 4
    assert 2 * ValkeySpec(memory_mb=memory).max_data_mb < memory


@given(some.integers(64, 4096), some.integers(8, 16384))
def test_what_was_given_wins(memory: int, given_mb: int) -> None:
    assert PostgresqlSpec(memory_mb=memory, shared_buffers_mb=given_mb).shared_buffers_mb == given_mb
    assert ValkeySpec(memory_mb=memory, max_data_mb=given_mb).max_data_mb == given_mb
    again = PostgresqlSpec(memory_mb=memory).model_dump(mode="json")
    assert PostgresqlSpec.model_validate(again).model_dump(mode="json") == again


def test_without_a_limit_the_small_defaults_stay() -> None:
    assert (PostgresqlSpec().shared_buffers_mb, ValkeySpec().max_data_mb) == (32, 256)
