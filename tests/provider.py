"""An identity provider for tests: keys, tokens, and an authorization server over HTTP.

The server knows RFC 8414 metadata, dynamic registration, the authorization code with PKCE S256, `resource`
(RFC 8707), and refresh tokens. It grants every scope that a client asks for. Its user agrees at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Key:
    """A private key with a name; `jwk` is its public half."""

    def __init__(self, kid: str, algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private: PrivateKey
        if algorithm.startswith("RS"):
            self.private = rsa.generate_private_key(65537, 2048)
            public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            public = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())
            public = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk: dict[str, Any] = {**public, "kid": kid, "use": "sig", "alg": algorithm}

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        return jwt.encode(dict(claims), self.private, self.algorithm, headers={"kid": self.kid, **header})


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


class Provider:
    """The authorization server in a thread; as a context manager it runs inside the block.

    Attributes:
        keys: The published keys; the first one signs.
        expires_in: The lifetime of access tokens in seconds.
        audience: The audience of access tokens; by default the client's `resource`.
        claims: Further claims of access tokens.
        asked: The number of requests by path.
        granted: The grants by kind, with the scopes and the resource of each.
        is_away: The key set is answered with 503.
    """

    def __init__(self) -> None:
        self.keys = [Key("first")]
        self.expires_in = 3600
        self.audience: str | None = None
        self.claims: dict[str, object] = {"fleet": "team-a"}
        self.asked: Counter[str] = Counter()
        self.granted: list[tuple[str, str, str]] = []
        self.is_away = False
        self._codes: dict[str, dict[str, str]] = {}
        self._refreshable: dict[str, tuple[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *args: object) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.jwks_url = f"{self.issuer}/keys"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, audience: str, **claims: object) -> str:
        """Return a signed token for an audience."""
        now = int(time.time())
        standard = {"iss": self.issuer, "sub": "ada", "aud": audience, "iat": now, "exp": now + 3600}
        return self.keys[0].sign({**standard, **self.claims, **claims})

    def metadata(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "jwks_uri": self.jwks_url,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }

    def get(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        self.asked[parts.path] += 1
        if parts.path == "/.well-known/oauth-authorization-server":
            answer(request, 200, self.metadata())
        elif parts.path == "/keys":
            status = 503 if self.is_away else 200
            answer(request, status, json.loads(key_set(*self.keys)))
        elif parts.path == "/authorize":
            self._authorize(request, {name: values[0] for name, values in parse_qs(parts.query).items()})
        else:
            answer(request, 404, {"error": "not_found"})

    def post(self, request: BaseHTTPRequestHandler) -> None:
        self.asked[request.path] += 1
        body = request.rfile.read(int(request.headers["content-length"]))
        if request.path == "/register":
            metadata = {"client_id": secrets.token_hex(8), **json.loads(body)}
            answer(request, 201, {**metadata, "token_endpoint_auth_method": "none"})
        elif request.path == "/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self._exchange(request, form)
        else:
            answer(request, 404, {"error": "not_found"})

    def _authorize(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked.get("state", "")})
        request.send_response(302)
        request.send_header("location", f"{asked['redirect_uri']}?{back}")
        request.send_header("content-length", "0")
        request.end_headers()

    def _exchange(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"])
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
            assert form["resource"] == asked["resource"]
            scope = asked.get("scope", "")
        else:
            scope, resource = self._refreshable.pop(form["refresh_token"])
            assert form["resource"] == resource
        self.granted.append((form["grant_type"], scope, form["resource"]))
        refresh = secrets.token_hex(8)
        self._refreshable[refresh] = scope, form["resource"]
        expires = int(time.time()) + self.expires_in
        access = self.token(self.audience or form["resource"], scope=scope, exp=expires)
        answer(request, 200, {
            "access_token": access, "token_type": "Bearer", "expires_in": self.expires_in,
            "refresh_token": refresh, "scope": scope,
        })  # fmt: skip


def answer(request: BaseHTTPRequestHandler, status: int, value: object) -> None:
    body = json.dumps(value).encode()
    request.send_response(status)
    request.send_header("content-type", "application/json")
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
