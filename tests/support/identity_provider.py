"""An identity provider for tests: a small real server with discovery, authorisation, token and keys (OpenID Connect)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from joserfc import jwt
from joserfc.jwk import RSAKey

SECRET = "a secret of the tests, for the provider alone"
CLIENT = "guichet"
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "second", "use": "sig", "alg": "RS256"})


class IdentityProvider:
    """Signs in whoever `user` says, at once. Each attribute is something that a provider may do wrong."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.user: dict[str, Any] = {
            "sub": "sub-alice",
            "email": "alice@acme.example",
            "email_verified": True,
            "name": "Alice Martin",
        }
        # What the next id_tokens say otherwise; None takes a claim out.
        self.claims: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.key = KEY
        self.published = [KEY]
        self.algorithm = "RS256"
        self.kid: str | None = "first"
        # Makes the whole token, instead of signing.
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.broken: str | None = None
        self.asked_at: int | None = None
        self.asked: list[str] = []
        self.authorizations: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The provider is away from now on."""
        self._server.shutdown()
        self._server.server_close()

    # ---- What it answers -------------------------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        """What it publishes of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": self.issuer + "/authorize",
            "token_endpoint": self.issuer + "/token",
            "jwks_uri": self.issuer + "/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.about,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to, with a code."""
        self.authorizations.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """What a code is worth, once, to the client that asked, with the PKCE verifier."""
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != expected:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        ).decode().rstrip("=")  # fmt: skip
        if (
            asked is None
            or asked.get("code_challenge_method") != "S256"
            or asked.get("code_challenge") != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token(asked)}

    def id_token(self, asked: dict[str, str]) -> str:
        """Who signed in, signed."""
        now = int(self.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            **self.user,
        }
        if "max_age" in asked or self.asked_at is not None:
            claims["auth_time"] = now if self.asked_at is None else self.asked_at
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        if self.forge is not None:
            return self.forge(claims)
        header = {"alg": self.algorithm, **({"kid": self.kid} if self.kid else {})}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def keys(self) -> dict[str, Any]:
        """The public keys."""
        return {"keys": [key.as_dict(private=False) for key in self.published]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                return

            def _answer(self, status: int, body: Any, **headers: str) -> None:
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def _broken(self, path: str) -> bool:
                provider.asked.append(path)
                if provider.broken == "silent":
                    time.sleep(3)
                    return True
                if provider.broken == "error":
                    self._answer(500, {"error": "server_error"})
                elif provider.broken == "elsewhere":
                    self._answer(302, b"", Location=provider.issuer + "/elsewhere")
                elif provider.broken == "huge":
                    self._answer(200, b" " * 400_000)
                elif provider.broken == "no json":
                    self._answer(200, b"<!doctype html><p>Bonjour")
                else:
                    return False
                return True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if self._broken(parts.path):
                    return
                if parts.path == "/.well-known/openid-configuration":
                    self._answer(200, provider.discovery())
                elif parts.path == "/keys":
                    self._answer(200, provider.keys())
                elif parts.path == "/authorize":
                    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                    self._answer(302, b"", Location=provider.authorize(query))
                else:
                    self._answer(404, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self._broken(self.path):
                    return
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        return Handler


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def visit(url: str) -> str:
    """Go to the provider as a browser does; returns the address on the portal where it sends back: path and query."""
    try:
        build_opener(_Stay()).open(url, timeout=10)
    except HTTPError as answer:
        parts = urlsplit(answer.headers["Location"])
        return f"{parts.path}?{parts.query}"
    raise AssertionError("the provider sent nobody back")


def unsigned(claims: dict[str, Any]) -> str:
    """A token whose header says that it needs no signature."""
    pieces = [
        base64.urlsafe_b64encode(json.dumps(piece).encode()).decode().rstrip("=")
        for piece in ({"alg": "none", "kid": "first"}, claims)
    ]
    return ".".join([*pieces, ""])


def signed_with_the_public_key(claims: dict[str, Any]) -> str:
    """A token signed by HS256 with what everybody knows: the public key of the provider."""
    said = ".".join(
        base64.urlsafe_b64encode(json.dumps(piece).encode()).decode().rstrip("=")
        for piece in ({"alg": "HS256", "kid": "first"}, claims)
    )
    made = hmac.new(KEY.as_pem(private=False), said.encode(), hashlib.sha256).digest()
    return said + "." + base64.urlsafe_b64encode(made).decode().rstrip("=")
