"""What each portal would compile again, compiled once for all of a test process, which makes a few of them."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule


class CompiledOnce(BytecodeCache):
    """Code of templates by name, text and escaping. Two portals of one process have the same filters and extensions."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """The place of a template; what is compiled without escaping has another one."""
        escape: Any = environment.autoescape
        escapes = escape(name) if callable(escape) else escape
        key = f"{self.get_cache_key(name, filename)}:{escapes}"
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code if it is known."""
        bucket.code = self.known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code."""
        assert bucket.code is not None
        self.known[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledOnce()


def build_addresses_once() -> None:
    """Keep the functions that make addresses: of the same rule with the same defaults, werkzeug makes the same one."""
    make = Rule._compile_builder
    known: dict[Any, Callable[..., tuple[str, str]]] = {}

    def made_once(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (append_unknown, self.rule, tuple(self._trace), repr(sorted((self.defaults or {}).items())))
        if key not in known:
            known[key] = make(self, append_unknown)
        return known[key]

    Rule._compile_builder = made_once  # type: ignore[method-assign]
