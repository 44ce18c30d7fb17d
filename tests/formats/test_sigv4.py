"""Signatures of requests to S3, judged by botocore's own signer."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats import sigv4

NOW = datetime(2026, 11, 21, 7, 8, 9, tzinfo=UTC)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


class Fixed(S3SigV4Auth):
    """botocore's signer at our moment, with the path as it was encoded."""

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        signature = self.signature(self.string_to_sign(request, canonical), request)
        self._inject_signature_to_request(request, signature)

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        request.headers["X-Amz-Content-SHA256"] = sigv4.EMPTY
        if self.credentials.token:
            request.headers["X-Amz-Security-Token"] = self.credentials.token


@settings(max_examples=60, deadline=None)
@given(
    path=st.lists(words, max_size=3),
    query=st.dictionaries(words, st.text(max_size=8), max_size=3),
    secret=words,
    token=st.none() | st.just("a/token+=="),
    method=st.sampled_from(["GET", "PUT", "DELETE"]),
)
def test_botocore_signs_the_same(
    path: list[str], query: dict[str, str], secret: str, token: str | None, method: str
) -> None:
    plain = "/" + "/".join(path)
    ours = sigv4.signed(
        method,
        "s3.example:444",
        plain,
        list(query.items()),
        {"If-Match": '"x"'},
        key_id="AKIA",
        secret=secret,
        region="eu-central-1",
        now=NOW,
        token=token,
    )
    url = f"https://s3.example:444{sigv4.encoded_path(plain)}?{sigv4.encoded_query(list(query.items()))}"
    theirs = AWSRequest(method, url, headers={"If-Match": '"x"'})
    Fixed(Credentials("AKIA", secret, token), "s3", "eu-central-1").add_auth(theirs)
    assert urlsplit(url).netloc == "s3.example:444"
    assert ours["Authorization"] == theirs.headers["Authorization"]
