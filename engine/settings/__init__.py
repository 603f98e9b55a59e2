"""Read a configuration: a YAML profile, overridden by the environment, checked as a whole.

Everything wrong is reported at once, one line for each problem. The result is immutable; nothing
here reads the process's environment or changes a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.config import Config
from engine.settings.environment import overlay
from engine.settings.rules import problems
from engine.settings.shape import check
from engine.settings.source import Source, read
from journal.errors import ConfigError

PREFIX = "DAYBOOK_"
"""What the names of all overriding environment variables begin with."""

T = TypeVar("T")

__all__ = ["PREFIX", "canonical", "load", "load_as", "problems"]


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """Return the configuration that `path` and `environ` describe, with every rule checked.

    `DAYBOOK_RISK__PER_TRADE_PERCENT=0.5` overrides `risk.per_trade_percent`,
    `DAYBOOK_STRATEGIES__0__FAST=10` the first strategy's `fast`. Raises ConfigError.
    """
    config, source = _load(path, Config, environ, PREFIX)
    found = [source.line(key, text) for key, text in problems(config, path.parent)]
    if found:
        raise ConfigError("\n".join(found))
    return config


def load_as(path: Path, kind: type[T], environ: Mapping[str, str], prefix: str) -> T:
    """Return the YAML file at `path` as a `kind`, a msgspec Struct. Raises ConfigError."""
    return _load(path, kind, environ, prefix)[0]


def canonical(config: msgspec.Struct) -> tuple[dict[str, Any], str]:
    """Return the configuration as plain values in its fields' order, and its JSON's SHA-256.

    The hash does not depend on the order of keys in the file, or on values left to their defaults.
    """
    plain: dict[str, Any] = msgspec.to_builtins(config, order="deterministic")
    return plain, hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


def _load(path: Path, kind: type[T], environ: Mapping[str, str], prefix: str) -> tuple[T, Source]:
    source = read(path)
    shape = msgspec.inspect.type_info(kind)
    found = overlay(source, shape, environ, prefix)
    found += [source.line(key, text) for key, text in check(source.value, shape)]
    if found:
        raise ConfigError("\n".join(found))
    try:
        return msgspec.convert(source.value, kind), source
    except msgspec.ValidationError as error:  # a rule of the Struct's own `__post_init__`
        raise ConfigError(f"{path}: {error}") from error
