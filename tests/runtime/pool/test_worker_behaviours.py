"""Every behaviour of Cloudflare's public list of tests for bindings (`bindings-test` of workers-py, and workerd's own
Python tests for variables, secrets and service bindings), by a worker in a real sandbox beside a real state process.

`PUBLIC` names each published test, `OWN` what the list leaves out; the function of that name in
`behaviours/asking/src/<suite>_behaviours.py` is the behaviour. docs/workers/behaviours.md is the same table.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pool_sandboxes import Deployed, deployed
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Message, Request
from wsproto.extensions import PerMessageDeflate

FOLDER = Path(__file__).with_name("behaviours")
DOCS = Path(__file__).parents[3] / "docs/workers/behaviours.md"
PUBLIC = {
    "kv": (
        "put_and_get_text get_nonexistent put_and_get_json put_overwrite put_empty_value delete delete_nonexistent "
        "put_with_metadata get_with_metadata_nonexistent put_with_expiration_ttl list_basic list_with_prefix "
        "list_with_limit_and_cursor list_empty_prefix list_with_metadata get_with_metadata_has_metadata "
        "get_type_as_options_dict get_arraybuffer get_multiple_keys get_multiple_keys_json put_dict_expiration_ttl "
        "put_dict_metadata none_options_put none_options_list binding_not_iterable binding_no_len"
    ),
    "d1": (
        "insert_and_select_via_run all_returns_results first_returns_single_row first_with_column_name "
        "first_on_empty_result raw_returns_arrays raw_with_column_names bind_types exec_create_and_query "
        "exec_multiple_statements batch_multiple_inserts run_metadata_fields update_row delete_row "
        "session_prepare_and_query session_bookmark session_batch invalid_sql_raises_error raw_dict_column_names "
        "bind_null none_options_raw"
    ),
    "ratelimit": "is_wrapped limit_success",
    "version_metadata": "has_id has_tag has_timestamp",
}
OWN = {
    "d1": (
        "batch_is_all_or_nothing batch_reads_what_it_wrote batches_at_once_do_not_mix blobs_and_large_integers "
        "values_that_cannot_be_bound parameters_by_number limits_are_told a_bookmark_of_no_session_is_refused"
    ),
    "env": (
        "variables_are_plain_values secrets_are_variables_nobody_prints env_is_importable "
        "patch_env_replaces_it_for_the_block"
    ),
    "service": (
        "methods_take_and_give_plain_values dicts_have_attributes moments_come_back_as_moments sets_stay_sets "
        "bytes_arrive_as_a_memoryview javascript_objects_and_errors_are_values what_does_not_travel_is_told "
        "answers_and_requests_travel blobs_travel each_call_has_an_instance_of_its_own "
        "method_names_of_generators_work wait_until_outlives_the_call exceptions_come_back_by_name "
        "the_binding_is_no_list an_entrypoint_is_the_bindings fetch_takes_a_url_and_options fetch_takes_a_request "
        "fetch_follows_no_redirect fetch_refuses_what_is_no_request websockets_go_through "
        "websockets_close_from_this_side an_upgrade_that_is_refused_is_an_answer "
        "bodies_of_fetch_stream_both_ways_at_once an_answer_that_nobody_reads_is_held_back "
        "a_signal_ends_a_call_and_its_answer a_request_that_nobody_reads_is_held_back"
    ),
    "rpc": (
        "objects_are_called_where_they_are functions_are_called_where_they_are "
        "functions_are_passed_as_arguments objects_are_passed_as_arguments structures_of_stubs_come_whole "
        "a_stub_is_passed_on_to_a_third_worker only_methods_and_properties_of_the_class_are_reached "
        "errors_come_back_by_name_without_the_others_code what_is_no_target_does_not_travel "
        "a_disposed_stub_is_told_so a_stub_nobody_refers_to_is_disposed "
        "arguments_are_disposed_when_the_call_returns a_dup_of_an_argument_outlives_the_call "
        "a_local_stub_is_passed_twice another_invocations_stub_is_refused "
        "a_guessed_number_reaches_nothing what_speaks_no_session_is_cut_off "
        "functions_that_call_each_other_for_ever_are_stopped references_in_a_circle_end_with_the_invocation "
        "ten_thousand_stubs_are_too_many streams_are_given streams_are_passed bodies_of_messages_stream "
        "a_stream_waits_for_its_reader a_stream_that_stalls_holds_up_nothing_else "
        "a_stream_that_breaks_says_why calls_that_nobody_waits_for_are_ended "
        "a_worker_that_dies_is_told_to_whoever_held_its_stubs"
    ),
}
ALL = [(suite, name) for part in (PUBLIC, OWN) for suite, names in part.items() for name in names.split()]


@pytest.fixture(scope="module")
def at() -> Iterator[tuple[asyncio.Runner, Deployed]]:
    root = Path(tempfile.mkdtemp(prefix="hf", dir="/tmp"))
    with asyncio.Runner() as runner:
        projects = [(name, FOLDER / name) for name in ("asking", "answering", "relaying")]
        opened = deployed(root, *projects, secrets={"asking": {"KEY": "s3cret"}})
        made = runner.run(opened.__aenter__())
        yield runner, made
        runner.run(opened.__aexit__(None, None, None))
    shutil.rmtree(root)


@pytest.mark.parametrize(("suite", "name"), ALL)
def test_a_binding_behaves_as_published(at: tuple[asyncio.Runner, Deployed], suite: str, name: str) -> None:
    runner, made = at
    status, told = runner.run(made.ask("asking", f"/{suite}/{name}"))
    assert (status, told) == (200, "as it should be"), told


def test_a_clients_websocket_is_passed_on_to_another_worker(at: tuple[asyncio.Runner, Deployed]) -> None:
    """The client speaks with the other worker, through the one it reached: text, long bytes, and the close."""
    runner, made = at

    async def talk() -> None:
        reader, writer = await asyncio.open_unix_connection(str(made.door("asking")))
        wire = WSConnection(ConnectionType.CLIENT)
        events: list[Any] = []
        writer.write(wire.send(Request(host="asking.localhost", target="/chat", extensions=[PerMessageDeflate()])))

        async def next_event() -> Any:
            while not events:
                async with asyncio.timeout(10):
                    wire.receive_data(await reader.read(65536))
                events.extend(wire.events())
            return events.pop(0)

        async def whole() -> Any:
            found = await next_event()
            data = found.data
            while not found.message_finished:
                found = await next_event()
                data += found.data
            return data

        accepted = await next_event()
        assert isinstance(accepted, AcceptConnection)
        assert (b"x-room", b"one") in accepted.extra_headers
        writer.write(wire.send(Message(data="hello")))
        assert await whole() == "http://asking.localhost/chat hello"
        writer.write(wire.send(Message(data=b"\x00\xff" * 300_000)))
        assert bytes(await whole()) == b"\x00\xff" * 300_000
        writer.write(wire.send(Message(data="close")))
        ended = await next_event()
        assert (ended.code, ended.reason) == (4001, "asked to")
        writer.write(wire.send(ended.response()))
        assert await reader.read() == b""
        writer.close()

    runner.run(talk())


def test_what_a_call_gave_ends_with_its_invocation(at: tuple[asyncio.Runner, Deployed]) -> None:
    runner, made = at
    for step in ("keep", "use"):
        status, told = runner.run(made.ask("asking", f"/keeping/{step}"))
        assert (status, told) == (200, "as it should be"), told


def test_a_clients_body_streams_through_one_worker_to_another_and_back(at: tuple[asyncio.Runner, Deployed]) -> None:
    runner, made = at
    body = b"ab" * 2_000_000
    status, told = runner.run(made.ask("asking", "/told", "POST", body))
    assert (status, told["method"], told["length"], told["last"]) == (200, "POST", len(body), "b")
    status, louder = runner.run(made.ask("asking", "/louder", "POST", body))
    assert (status, louder == "AB" * 2_000_000) == (201, True)


def test_a_stub_works_after_the_answer_for_as_long_as_wait_until(at: tuple[asyncio.Runner, Deployed]) -> None:
    runner, made = at

    async def act() -> None:
        assert await made.ask("asking", "/after") == (200, "at once")
        for _ in range(100):
            _, heard = await made.ask("asking", "/heard")
            if "disposed 5055" in heard.splitlines():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(heard)

    runner.run(act())


def test_what_a_worker_held_is_freed_when_it_dies(at: tuple[asyncio.Runner, Deployed]) -> None:
    """The caller's process is killed while it holds an object and a stream, and a call of its function runs."""
    runner, made = at

    async def act() -> None:
        reader, writer = await asyncio.open_unix_connection(str(made.door("asking")))
        writer.write(b"GET /dying HTTP/1.1\r\nhost: asking.localhost\r\n\r\n")
        async with asyncio.timeout(20):
            assert await reader.read() == b"", "it died before it answered"
        writer.close()
        for _ in range(100):
            status, heard = await made.ask("asking", "/heard")
            freed = {"disposed 1234", "closed held", "the call was cancelled"}
            if freed <= set(heard.splitlines()):
                return
            await asyncio.sleep(0.05)
        raise AssertionError((status, heard))

    runner.run(act())


def test_what_an_object_raised_is_kept_with_the_worker_it_belongs_to(at: tuple[asyncio.Runner, Deployed]) -> None:
    runner, made = at
    since = int(time.time() * 1000)
    assert runner.run(made.ask("asking", "/rpc/errors_come_back_by_name_without_the_others_code"))[0] == 200

    async def found() -> Any:
        for _ in range(100):
            rows = made.telemetry.invocations(made.versions["answering"].worker_id, since=since, errors=True)
            if len(rows) == 2:
                return rows
            await asyncio.sleep(0.1)
        raise AssertionError("the invocation was never told")

    (row,) = [each for each in runner.run(found()) if each.path == "counter"]
    assert (row.trigger, row.status, row.outcome, row.error["type"]) == ("rpc", 200, "exception", "LookupError")
    assert "giving.py" in row.error["stack"]
    assert not made.telemetry.invocations(made.versions["asking"].worker_id, since=since, errors=True)


def test_the_table_of_the_docs_names_each_behaviour() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert rows == [line for line in rows if line in {f"| `{suite}` | `{name}` |" for suite, name in ALL}]
    assert len(rows) == len(ALL)
