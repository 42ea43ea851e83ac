"""OpenID Connect: what is asked of an identity provider, and what of its answers is believed (ACC-11).

Authlib builds the requests and reads the claims; the connections are made here, so that a provider that hangs, lies or
points elsewhere costs seconds and reaches nothing inside. Nothing here knows accounts.
"""

from __future__ import annotations

import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

# One answer ends after this, and the whole exchange after that.
TIMEOUT_SECONDS = 4.0
DEADLINE_SECONDS = 8.0
# So many talk to providers at once: the other threads serve everybody else, the sign-in by password first of all.
AT_ONCE = 3
WAIT_SECONDS = 2.0
MOST_BYTES = 256 * 1024
KEEP_SECONDS = 600.0
# A provider that did not answer is left alone so long: nobody waits for it again and again.
AWAY_SECONDS = 15.0
# A key that is not known is looked for again at most so often.
KEYS_AGAIN_SECONDS = 30.0
CLOCK_SECONDS = 60

# Signatures made with a key of the provider that is public here. "none" and shared secrets are no proof (RFC 8725).
KEY_OF_ALGORITHM = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
LEAST_RSA_BITS = 2048

SCOPE = "openid email profile"


class Away(Exception):
    """The provider cannot be reached, or does not answer as one: nothing is said about who signs in."""


class Refused(Exception):
    """The answer of the provider is not believed. The message is for the log, never for the page."""


class Client(NamedTuple):
    """The portal as a provider knows it."""

    issuer: str
    client_id: str
    client_secret: str


class Identity(NamedTuple):
    """Who the provider says it is. `auth_time`, when it asked for the proof, in seconds since 1970, or None."""

    subject: str
    email: str
    email_verified: bool
    name: str
    auth_time: float | None


class _Response(NamedTuple):
    status_code: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def raise_for_status(self) -> None:
        raise Away(f"HTTP {self.status_code}")


class OpenIdConnect:
    """The way out to identity providers; one for the process. What they publish is kept for ten minutes."""

    Away = Away
    Refused = Refused
    Client = Client

    def __init__(self, *, http_on_loopback: bool = False) -> None:
        """Arguments: http_on_loopback, whether a provider on this very machine may do without https."""
        self._http_on_loopback = http_on_loopback
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._away: dict[str, float] = {}
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def forget(self) -> None:
        """Drop what was kept of the providers."""
        self._kept.clear()
        self._away.clear()

    def start(
        self, client: Client, *, redirect_uri: str, state: str, nonce: str, verifier: str, again: bool = False
    ) -> str:
        """The address where the browser goes: authorisation code, PKCE (S256), state and nonce.

        Arguments: again, whether the person has to prove anew who they are, whatever session the provider has.
        Raises Away.
        """
        with self._turn(client.issuer):
            about = self._about(client.issuer)
        more = {"prompt": "login", "max_age": "0"} if again else {}
        url, _state = self._oauth(client, about, redirect_uri).create_authorization_url(
            about["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, **more
        )
        return str(url)

    def finish(
        self,
        client: Client,
        *,
        redirect_uri: str,
        code: str,
        nonce: str,
        verifier: str,
        now: datetime,
        again: bool,
    ) -> Identity:
        """Exchange the code, and verify the identity that comes with it.

        Verified: signature and algorithm, issuer, audience, expiry, nonce, hash of the access token, and with `again`
        when the person was asked. Raises Away, Refused.
        """
        with self._turn(client.issuer):
            about = self._about(client.issuer)
            oauth = self._oauth(client, about, redirect_uri)
            try:
                answer = oauth.fetch_token(
                    about["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
            except (AuthlibBaseError, ValueError, KeyError, TypeError) as fault:
                raise Refused(f"token endpoint: {fault}") from None
            token, access = answer.get("id_token"), answer.get("access_token")
            if not isinstance(token, str) or len(token) > MOST_BYTES:
                raise Refused("no id_token")
            claims = self._claims(client, about, token, access, nonce, now, again)
            if "email" not in claims and isinstance(access, str) and about.get("userinfo_endpoint"):
                claims = {**self._userinfo(client, about, access, claims["sub"]), **claims}
        email, name = claims.get("email"), claims.get("name")
        return Identity(
            subject=claims["sub"],
            email=email if isinstance(email, str) else "",
            # A text that says "true" is not what the standard says, and some providers let people type it.
            email_verified=claims.get("email_verified") is True,
            name=name if isinstance(name, str) else "",
            auth_time=claims.get("auth_time"),
        )

    # ---- What is believed ------------------------------------------------------------------------------

    def _claims(
        self,
        client: Client,
        about: dict[str, Any],
        token: str,
        access: Any,
        nonce: str,
        now: datetime,
        again: bool,
    ) -> dict[str, Any]:
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            key = self._key(client.issuer, about, header)
            read = jwt.decode(token, key, algorithms=[header["alg"]])
            claims = CodeIDToken(
                read.claims,
                read.header,
                options={
                    "iss": {"essential": True, "value": client.issuer},
                    "aud": {"essential": True, "value": client.client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                },
                params={
                    "nonce": nonce,
                    "client_id": client.client_id,
                    "access_token": access if isinstance(access, str) else None,
                    "max_age": again,
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=CLOCK_SECONDS)
        except (JoseError, AuthlibBaseError, ValueError, KeyError, TypeError, AttributeError) as fault:
            raise Refused(f"id_token: {type(fault).__name__} {fault}") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
            raise Refused("id_token: sub")
        # What the library does not hold by itself, or would not in another version.
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if (
            claims["iss"] != client.issuer
            or client.client_id not in audience
            or not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode())
            or not isinstance(claims["exp"], int | float)
            or claims["exp"] + CLOCK_SECONDS <= now.timestamp()
        ):
            raise Refused("id_token: iss, aud, nonce or exp")
        return dict(claims)

    def _key(self, issuer: str, about: dict[str, Any], header: dict[str, Any]) -> Any:
        kind = KEY_OF_ALGORITHM.get(str(header.get("alg")))
        if kind is None:
            raise Refused(f"algorithm {header.get('alg')!r}")
        found = self._candidates(self._keys(issuer, about, KEEP_SECONDS), header, kind)
        if not found:
            # The provider has changed its keys since.
            found = self._candidates(self._keys(issuer, about, KEYS_AGAIN_SECONDS), header, kind)
        if len(found) != 1:
            raise Refused(f"{len(found)} keys for {header.get('kid')!r}")
        key = jwk.import_key(found[0])
        if kind == "RSA" and key.raw_value.key_size < LEAST_RSA_BITS:
            raise Refused("a key that is too short")
        return key

    @staticmethod
    def _candidates(keys: Any, header: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return [
            key
            for key in (keys if isinstance(keys, list) else [])
            if isinstance(key, dict)
            and key.get("kty") == kind
            and key.get("use", "sig") == "sig"
            and key.get("alg", header["alg"]) == header["alg"]
            and ("kid" not in header or key.get("kid") == header["kid"])
        ]

    def _keys(self, issuer: str, about: dict[str, Any], at_most: float) -> Any:
        return self._read(about["jwks_uri"], issuer, at_most).get("keys")

    def _userinfo(self, client: Client, about: dict[str, Any], access: str, subject: str) -> dict[str, Any]:
        response = self._send(
            "GET", about["userinfo_endpoint"], client.issuer, headers={"Authorization": f"Bearer {access}"}
        )
        try:
            said = response.json()
        except ValueError:
            said = None
        if response.status_code != 200 or not isinstance(said, dict) or said.get("sub") != subject:
            raise Refused("userinfo")
        return {name: said[name] for name in ("email", "email_verified", "name") if name in said}

    # ---- What a provider publishes ---------------------------------------------------------------------

    def _about(self, issuer: str) -> dict[str, Any]:
        about = self._read(issuer.rstrip("/") + "/.well-known/openid-configuration", issuer, KEEP_SECONDS)
        if about.get("issuer") != issuer:
            raise Away("the provider names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._check_address(about.get(name))
        if about.get("userinfo_endpoint") is not None:
            self._check_address(about["userinfo_endpoint"])
        return about

    def _read(self, url: str, issuer: str, at_most: float) -> dict[str, Any]:
        """A JSON object that a provider publishes, not older than so many seconds."""
        kept = self._kept.get(url)
        if kept is not None and time.monotonic() - kept[0] < at_most:
            return kept[1]
        response = self._send("GET", url, issuer)
        try:
            said = response.json()
        except ValueError:
            said = None
        if response.status_code != 200 or not isinstance(said, dict):
            raise Away(f"{url}: HTTP {response.status_code}")
        self._kept[url] = (time.monotonic(), said)
        return said

    def _oauth(self, client: Client, about: dict[str, Any], redirect_uri: str) -> OAuth2Client:
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        posts = "client_secret_basic" not in methods and "client_secret_post" in methods
        return OAuth2Client(
            _Session(self, client.issuer),
            client_id=client.client_id,
            client_secret=client.client_secret or None,
            token_endpoint_auth_method="client_secret_post" if posts and client.client_secret else None,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    # ---- Connections -----------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, issuer: str) -> Iterator[None]:
        """One of the few that may talk to providers at this moment; what goes wrong with the network is Away."""
        if time.monotonic() < self._away.get(issuer, 0.0):
            raise Away("it did not answer a moment ago")
        if not self._turns.acquire(timeout=WAIT_SECONDS):
            raise Away("too many sign-ins at once")
        try:
            yield
        except Away:
            self._away[issuer] = time.monotonic() + AWAY_SECONDS
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as fault:
            self._away[issuer] = time.monotonic() + AWAY_SECONDS
            raise Away(f"{type(fault).__name__} {fault}") from None
        finally:
            self._turns.release()

    def _check_address(self, url: Any) -> tuple[str, str, int, str]:
        """Scheme, host, port and path of an address that may be asked. Raises Away."""
        if (
            not isinstance(url, str)
            or len(url) > 2000
            or not url.isascii()
            or not url.isprintable()
            or " " in url
        ):
            raise Away("an address that is none")
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise Away("an address that is none") from None
        host = parts.hostname or ""
        plain = (
            parts.scheme == "http" and self._http_on_loopback and host in ("127.0.0.1", "::1", "localhost")
        )
        if not host or parts.username or parts.fragment or not (parts.scheme == "https" or plain):
            raise Away(f"{url} is not an https address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path

    def _places(self, host: str, port: int, issuer: str) -> list[str]:
        """The addresses of a host that may be reached: those of the issuer that an admin named, else public ones only.

        The connection goes to what was looked at here: a name that answers otherwise a moment later changes nothing.
        """
        own = host == urlsplit(issuer).hostname
        found = []
        for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            text = str(entry[4][0])
            place = ipaddress.ip_address(text.partition("%")[0])
            place = getattr(place, "ipv4_mapped", None) or place
            if place.is_loopback:
                allowed = self._http_on_loopback
            elif place.is_link_local or place.is_multicast or place.is_unspecified:
                allowed = False
            else:
                allowed = place.is_global or own
            if allowed and text not in found:
                found.append(text)
        if not found:
            raise Away(f"{host} leads nowhere that may be reached")
        return found

    def _send(
        self,
        method: str,
        url: str,
        issuer: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> _Response:
        """One request, without following where an answer points to. Raises Away, OSError, HTTPException."""
        scheme, host, port, path = self._check_address(url)
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=TIMEOUT_SECONDS)
        connection.sock = socket.create_connection(
            (self._places(host, port, issuer)[0], port), TIMEOUT_SECONDS
        )
        # A server that sends one byte now and then is cut off as well.
        cut = threading.Timer(DEADLINE_SECONDS, _shut, (connection,))
        cut.daemon = True
        cut.start()
        said = {"Accept": "application/json", "Connection": "close", **(headers or {})}
        try:
            if scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
            connection.request(method, path, body=body, headers=said)
            response = connection.getresponse()
            if 300 <= response.status < 400:
                raise Away(f"{url} points elsewhere")
            content = response.read(MOST_BYTES + 1)
        finally:
            cut.cancel()
            connection.close()
        if len(content) > MOST_BYTES:
            raise Away(f"{url} answers too much")
        return _Response(response.status, content)


def _shut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


class _Session:
    """What Authlib takes for an HTTP library: the one request that it makes, by the connections of this module."""

    def __init__(self, way: OpenIdConnect, issuer: str) -> None:
        self._way = way
        self._issuer = issuer

    def post(self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: Any) -> _Response:
        """Send a form to the token endpoint, with the proof of who the portal is."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._way._send("POST", url, self._issuer, body=body.encode("ascii"), headers=headers)
