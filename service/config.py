"""What an operator can set, read from the environment once at start.

Every setting is a field with its default and its meaning; README's table is generated from them (`workflows config`
prints it). Endpoints come from here only, never from a payload.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from service.domain.calls import SIBLINGS

ADDRESS = r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}"  # host:port
WORKSPACES = r"\s*([^=,\s]+=[^=,*\s]+\s*(,\s*|$))*"  # organization=workspace, by commas
STREAMS = r"\s*([\w-]+=[\w.*>-]+\s*(,\s*|$))*"  # stream=subject filter, by commas


class ConfigError(ValueError):
    """A setting is missing or cannot be read; the message names it."""


def setting(name: str, default: str | None, meaning: str, shape: str = ".*") -> Any:
    """A field read from the environment variable `name`; without a default it is required. `shape` is a pattern."""
    return field(metadata={"name": name, "default": default, "meaning": meaning, "shape": re.compile(shape)})


@dataclass(frozen=True, slots=True)
class Config:
    database_url: str = setting("DATABASE_URL", None, "PostgreSQL 15 or newer; its user must be a member of both roles")
    database_reader_url: str = setting(
        "DATABASE_READER_URL", "", "the same database with the login that answers queries; empty: DATABASE_URL"
    )
    database_pooler: bool = setting(
        "DATABASE_POOLER", "no", "yes or no: both addresses are those of a PgBouncer in transaction mode", "yes|no"
    )
    nats_url: str = setting("NATS_URL", None, "NATS with JetStream")
    grpc_address: str = setting("GRPC_ADDRESS", "127.0.0.1:50051", "where the gRPC server listens, host:port", ADDRESS)
    http_address: str = setting(
        "HTTP_ADDRESS", "127.0.0.1:8080", "where /healthz, /readyz and /metrics are served, host:port", ADDRESS
    )
    auth: str = setting(
        "AUTH",
        "auto",
        "who must show a bearer token: auto, everybody if IDENTITY_ADDRESS is set; tokens, everybody; off, nobody",
        "auto|tokens|off",
    )
    workspaces: str = setting(
        "WORKSPACES",
        "",
        "workspaces that are not named like their organization, as organization=workspace, by commas",
        WORKSPACES,
    )
    reflection: bool = setting("REFLECTION", "yes", "yes or no: show the schema of our API to everybody", "yes|no")
    insecure: bool = setting(
        "INSECURE", "no", "yes or no: listen beyond this machine with neither tokens nor TLS", "yes|no"
    )
    tls_cert: str = setting("TLS_CERT", "", "file of the gRPC server's certificate chain, PEM; empty: no TLS")
    tls_key: str = setting("TLS_KEY", "", "file of its key, PEM")
    tls_client_ca: str = setting(
        "TLS_CLIENT_CA", "", "file of the authorities of clients, PEM; if set, every client needs a certificate"
    )
    tls_client_names: str = setting(
        "TLS_CLIENT_NAMES", "", "names (SAN or CN) of the client certificates let in, by commas; empty: all of them"
    )
    replica: str = setting("REPLICA_NAME", "", "this replica's name in leases and logs; empty: host and process id")
    stream: str = setting("NATS_STREAM", "workflows_changes", "the stream our changes are published to")
    format: str = setting(
        "NATS_FORMAT",
        "headers",
        "how our changes are written: headers, structured, protojson or proto",
        "headers|structured|protojson|proto",
    )
    listen: str = setting(
        "NATS_LISTEN",
        "objectives_changes=objectives.changes.>,approvals_events=approvals.events.>,"
        "approvals_changes=approvals.changes.>,SIPHON=siphon.tap.>",
        "streams we listen to, as stream=subject filter, by commas",
        STREAMS,
    )
    pool_size: int = setting("DATABASE_POOL", "8", "database connections of the engine; the reader has a quarter of it")
    max_calls: int = setting("GRPC_MAX_CALLS", "1000", "calls in progress before RESOURCE_EXHAUSTED")
    lease_seconds: int = setting("LEASE_SECONDS", "30", "how long work is left to a replica that may have died")
    quiet_seconds: int = setting(
        "QUIET_SECONDS", "300", "how long nothing may be heard of an objective or approval before its owner is asked"
    )
    retention_seconds: int = setting(
        "RETENTION_SECONDS",
        "0",
        "how long ended runs are kept where no policy says so; 0 is for ever",
        r"\d{1,10}",
    )
    log_level: str = setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", "DEBUG|INFO|WARNING|ERROR")
    tracing: str = setting(
        "TRACING",
        "auto",
        "yes, no or auto: send spans to where OTEL_EXPORTER_OTLP_ENDPOINT says; auto does if it is set",
        "yes|no|auto",
    )
    service_agent: str = setting("SERVICE_AGENT_ID", "workflows", "who delegates when a run has no initiating agent")
    entities_required: bool = setting(
        "ENTITIES_REQUIRED", "no", "yes or no: refuse to start a run whose entity is not known", "yes|no"
    )
    objectives: str = setting("OBJECTIVES_ADDRESS", "", "objectives service, host:port", f"({ADDRESS})?")
    agents: str = setting("AGENTS_ADDRESS", "", "agents service, host:port", f"({ADDRESS})?")
    registry: str = setting("REGISTRY_ADDRESS", "", "registry service, host:port", f"({ADDRESS})?")
    approvals: str = setting("APPROVALS_ADDRESS", "", "approvals service, host:port", f"({ADDRESS})?")
    governance: str = setting("GOVERNANCE_ADDRESS", "", "governance service, host:port", f"({ADDRESS})?")
    notifications: str = setting("NOTIFICATIONS_ADDRESS", "", "notifications service, host:port", f"({ADDRESS})?")
    meter: str = setting("METER_ADDRESS", "", "meter service, host:port", f"({ADDRESS})?")
    prompts: str = setting("PROMPTS_ADDRESS", "", "prompts service, host:port", f"({ADDRESS})?")
    skills: str = setting("SKILLS_ADDRESS", "", "skills service, host:port", f"({ADDRESS})?")
    entities: str = setting("ENTITIES_ADDRESS", "", "entities service, host:port", f"({ADDRESS})?")
    identity: str = setting("IDENTITY_ADDRESS", "", "identity service, host:port", f"({ADDRESS})?")
    siblings_ca: str = setting(
        "SIBLINGS_CA", "", "file of the authorities of the other services, PEM; empty: they are called without TLS"
    )
    siblings_cert: str = setting("SIBLINGS_CERT", "", "file of the certificate chain to show to them, PEM")
    siblings_key: str = setting("SIBLINGS_KEY", "", "file of its key, PEM")
    siblings_token_file: str = setting(
        "SIBLINGS_TOKEN_FILE", "", "file of the bearer token to show to them; read again when it changes"
    )

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Config":
        """Raises ConfigError."""
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {item.name: _value(item, source) for item in fields(cls)}
        return cls(**values)

    @property
    def siblings(self) -> dict[str, str]:
        """The addresses of the siblings that are configured."""
        return {name: address for name in SIBLINGS if (address := getattr(self, name))}

    @property
    def workspace_of(self) -> dict[str, str]:
        """The workspaces of organizations whose name is another."""
        return dict(item.strip().split("=") for item in self.workspaces.split(",") if item.strip())

    @property
    def client_names(self) -> frozenset[str]:
        return frozenset(name for item in self.tls_client_names.split(",") if (name := item.strip()))

    @property
    def streams(self) -> list[tuple[str, str]]:
        pairs = (item.strip().partition("=") for item in self.listen.split(",") if item.strip())
        return [(stream, subject) for stream, _, subject in pairs]


def retention_seconds() -> int:
    """That one setting alone, for who needs no other. Raises ConfigError."""
    [item] = [item for item in fields(Config) if item.name == "retention_seconds"]
    return int(_value(item, os.environ))


def table() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, for README and for people."""
    rows = []
    for item in fields(Config):
        default = item.metadata["default"]
        rows.append((item.metadata["name"], "required" if default is None else default, item.metadata["meaning"]))
    return rows


def readable(source: Mapping[str, str]) -> tuple[Config, list[str]]:
    """What can be read, and what is wrong with the rest, which counts as not set: for those who look at all of it."""
    values: dict[str, Any] = {}
    wrong = []
    for item in fields(Config):
        try:
            values[item.name] = _value(item, source)
        except ConfigError as error:
            wrong.append(str(error))
            default = item.metadata["default"]
            values[item.name] = "" if default is None else _value(item, {})
    return Config(**values), wrong


def _value(item: Field[Any], source: Mapping[str, str]) -> str | int:
    name, default = item.metadata["name"], item.metadata["default"]
    text = source.get(name) or default
    if text is None:
        raise ConfigError(f"{name} is not set: {item.metadata['meaning']}")
    if not item.metadata["shape"].fullmatch(text):
        raise ConfigError(f"{name} cannot be read: {item.metadata['meaning']}")
    if item.type is bool:
        return text == "yes"
    if item.type is not int:
        return str(text)
    if not text.isdecimal() or (int(text) == 0 and default != "0"):
        raise ConfigError(f"{name} must be a positive whole number, not {text!r}")
    return int(text)
