"""A security key made of software: answers as a browser would, and also as no honest browser does."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from domain import factors

SITE = factors.Site("support.example.org", "https://support.example.org", "Guichet Initech")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class SoftKey:
    """A key pair with its count of signatures; `counts` False makes it a passkey, whose count stays 0."""

    def __init__(self, counts: bool = True, site: factors.Site = SITE) -> None:
        self.pair = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.counts = counts
        self.count = 0
        self.site = site

    def _said(self, kind: str, question: str, challenge: str | None, origin: str | None) -> bytes:
        return json.dumps(
            {
                "type": kind,
                "challenge": challenge or json.loads(question)["challenge"],
                "origin": origin or self.site.origin,
                "crossOrigin": False,
            }
        ).encode()

    def _head(self, host: str | None, flags: int) -> bytes:
        made = hashlib.sha256((host or self.site.host).encode()).digest()
        return made + bytes([flags]) + self.count.to_bytes(4, "big")

    def make(self, question: str, challenge: str | None = None, origin: str | None = None) -> str:
        """The answer to factors.key_to_add()."""
        numbers = self.pair.public_key().public_numbers()
        public = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        data = self._head(None, 0x45) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        response = {
            "clientDataJSON": _text(self._said("webauthn.create", question, challenge, origin)),
            "attestationObject": _text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["usb", "nonsense"],
        }
        return self._answer(response)

    def use(
        self,
        question: str,
        *,
        challenge: str | None = None,
        origin: str | None = None,
        host: str | None = None,
        signature: bytes | None = None,
        flags: int = 0x05,
    ) -> str:
        """The answer to factors.key_to_use(); the arguments say what a dishonest one has instead."""
        self.count += self.counts
        data = self._head(host, flags)
        said = self._said("webauthn.get", question, challenge, origin)
        signed = self.pair.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": _text(said),
            "authenticatorData": _text(data),
            "signature": _text(signature or signed),
        }
        return self._answer(response)

    def _answer(self, response: dict[str, Any]) -> str:
        return json.dumps(
            {
                "id": _text(self.id),
                "rawId": _text(self.id),
                "type": "public-key",
                "clientExtensionResults": {},
                "response": response,
            }
        )


def add_key(viewer: Any, now: datetime, *, counts: bool = True, site: factors.Site = SITE) -> SoftKey:
    """Give somebody a key of software, by the product's own verb."""
    key = SoftKey(counts, site)
    question = factors.key_to_add(viewer, site, "session:1", now)
    factors.add_key(
        viewer, "Clé des essais", key.make(question), site, "session:1", origin="203.0.113.7", now=now
    )
    return key
