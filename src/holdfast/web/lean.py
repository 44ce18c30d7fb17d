"""A route that is called without the framework's machinery of dependencies, for those that are called most."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Dependency = Callable[[Request], Awaitable[Any]]


class LeanRoute(APIRoute):
    """For an endpoint that answers with a Response of its own and takes no more than a JSON body, the request, texts of
    the path, and dependencies that want nothing but the request.

    It is documented as every other, and asks the same dependencies in the same order. Whatever is not plainly right
    about the body goes the ordinary way, so that every error is the ordinary one. ValueError for another endpoint.
    """

    def get_route_handler(self) -> Handler:
        ordinary = super().get_route_handler()
        endpoint, wanted = self.endpoint, self.dependant
        _require_lean(self.path, wanted)
        body_name, read_body = _body(wanted)
        path_names = tuple(field.name for field in wanted.path_params)
        dependencies = _dependencies(wanted.dependencies)

        async def lean(request: Request) -> Response:
            if request.headers.get("content-type") != "application/json":
                return await ordinary(request)
            try:
                values = {body_name: read_body(json.loads(await request.body()))}
            except (ValueError, RecursionError, ClientDisconnect):
                return await ordinary(request)
            if wanted.request_param_name is not None:
                values[wanted.request_param_name] = request
            for name in path_names:
                values[name] = request.path_params[name]
            for each, ask in dependencies.items():
                values[each] = await ask(request)
            answer: Response = await endpoint(**values)
            return answer

        return lean


def _require_lean(path: str, wanted: Dependant) -> None:
    if wanted.query_params or wanted.header_params or wanted.cookie_params or wanted.response_param_name:
        raise ValueError(f"{path} takes more than a lean route gives")
    for field in wanted.path_params:
        if field.field_info.annotation is not str or field.field_info.metadata:
            raise ValueError(f"{path}: {field.name} is not any text")


def _body(wanted: Dependant) -> tuple[str, Callable[[Any], Any]]:
    """The name of the body's parameter, and what makes one of parsed JSON."""
    if len(wanted.body_params) != 1:
        raise ValueError("a lean route takes one body")
    (field,) = wanted.body_params
    model = field.field_info.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ValueError(f"{field.name} is not a model")
    return field.name, model.model_validate


def _dependencies(wanted: list[Dependant]) -> Mapping[str, Dependency]:
    found: dict[str, Dependency] = {}
    for each in wanted:
        takes_more = each.dependencies or each.path_params or each.query_params or each.header_params
        if each.call is None or each.name is None or takes_more:
            raise ValueError(f"{each.name} is a dependency that wants more than the request")
        found[each.name] = each.call
    return found
