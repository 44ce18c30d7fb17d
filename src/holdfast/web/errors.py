"""The one place where an error becomes an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from holdfast.kernel.errors import HoldfastError, Permanent, Retryable

Codes = dict[int | str, dict[str, Any]]


class ErrorBody(BaseModel):
    """What failed, whether a retry helps, and what to do."""

    code: str = Field(description="Stable word in snake_case.", examples=["not_found"])
    message: str = Field(description="One sentence for people.")
    hint: str | None = Field(default=None, description="What to do about it.")
    details: dict[str, Any] = Field(default_factory=dict, description="Facts a program can use.")
    retryable: bool = Field(default=False, description="Whether the same call may succeed later by itself.")


class ErrorEnvelope(BaseModel):
    """The body of every answer from 400 up."""

    error: ErrorBody


_MEANING = {
    401: "Nobody is signed in, or the credential is unknown, expired or revoked.",
    403: "The actor lacks the permission named in `details.permission`, or must type the password again.",
    404: "There is no such thing, or it is not the actor's: the two cannot be told apart.",
    409: "The present state forbids it: a name taken, a run in progress.",
    412: "If-Match names a version that is no longer current.",
    413: "The request is larger than the limit.",
    422: "The request is malformed; `details.fields` lists the fields.",
    428: "If-Match is required here.",
    429: "Too many attempts, or a limit is reached; `Retry-After` says when to come back.",
    503: "Unavailable at the moment.",
}
_REFERENCE = "#/components/schemas/{model}"
ANONYMOUS: dict[str, Any] = {"security": []}  # the `openapi_extra` of a route that needs no credential


def answers(*statuses: int) -> Codes:
    """The documented error answers of a route; 401, 422 and 429 are on every route already."""
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=ErrorEnvelope.__name__)}}}
    return {status: {"description": _MEANING[status], "content": content} for status in (401, *statuses, 422, 429)}


def schemas() -> dict[str, Any]:
    """What `answers` refers to, for the description's components. Named there as a model, it would be built anew for
    every answer of every route: a third of the api's start."""
    whole = ErrorEnvelope.model_json_schema(ref_template=_REFERENCE, mode="serialization")
    found: dict[str, Any] = jsonable_encoder({**whole.pop("$defs"), ErrorEnvelope.__name__: whole}, exclude_none=True)
    return found


class PreconditionRequired(Permanent):
    """A change without If-Match would overwrite what the caller has not seen."""

    default_code = "precondition_required"
    status = 428


class TooManyAttempts(Retryable):
    """`details["retry_after_seconds"]` says when the next attempt is looked at."""

    default_code = "too_many_attempts"
    status = 429


def render(error: HoldfastError) -> Response:
    """The answer for an error of ours."""
    headers: dict[str, str] = {}
    if (seconds := error.details.get("retry_after_seconds")) is not None:
        headers["retry-after"] = str(max(1, round(seconds)))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return envelope(error.status, error.as_dict(), headers)


def envelope(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    safe = json.loads(json.dumps({"error": dict(body)}, default=str))
    return JSONResponse(safe, status_code=status, headers=dict(headers or {}))


LARGER = "Send it as an upload (POST /databases/{id}/uploads, in parts) and import it; or send less at a time."


def plain(status: int, code: str, message: str, hint: str | None = None, **details: Any) -> Response:
    """An answer for a refusal that never became an exception: the guards'."""
    body = {"code": code, "message": message, "hint": hint, "details": details, "retryable": False}
    return envelope(status, body)


def render_http(error: HTTPException) -> Response:
    """The framework's own: an unknown route, a method a route does not have, a body that is not JSON."""
    known = {
        404: ("route_not_found", "there is no such route", "GET /api/docs lists the routes."),
        413: ("body_too_large", str(error.detail), LARGER),
        405: ("method_not_allowed", "this route does not have that method", None),
    }
    code, message, hint = known.get(error.status_code, (f"http_{error.status_code}", str(error.detail), None))
    body: dict[str, Any] = {"code": code, "message": message, "hint": hint, "details": {}, "retryable": False}
    return envelope(error.status_code, body, error.headers)


def render_validation(error: RequestValidationError) -> Response:
    """Fields and messages; never the values, which may be a password."""
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "message": item["msg"].removeprefix("Value error, "),  # what our own checks raise says enough
            "type": item["type"],
        }
        for item in error.errors()
    ]
    return plain(422, "invalid", "the request is malformed", "details.fields says what is wrong.", fields=fields)


def render_unexpected(request_id: str) -> Response:
    """Nothing of the exception leaves the log."""
    return plain(
        500,
        "internal",
        "something went wrong that should not have",
        f"The log has the details under the request id {request_id}.",
        request_id=request_id,
    )
