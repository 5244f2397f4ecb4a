"""Where the server is and how it is spoken to: options before the command, after it, or the environment.

The options before the command name all of it. Those that people type most can also stand after it (`options.SHARED`)
and win there. Called as the root of the command line; `command` reads what it left in the context.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from service.console.files import text_of

ADDRESS = "127.0.0.1:50051"
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """`timeout` bounds one call, in seconds."""

    address: str = ADDRESS
    token: str = ""
    token_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    timeout: float = TIMEOUT_SECONDS
    workspace: str = ""
    json: bool = False

    @property
    def host(self) -> str:
        """The address without a scheme."""
        return self.address.partition("://")[2] or self.address

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, as its address says."""
        try:
            host = urlsplit(f"//{self.host}").hostname or ""
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        return self.address.startswith("https://") or self.ca is not None or self.cert is not None

    def bearer(self) -> str:
        """The token, or "". Raises Failed when its file cannot be read."""
        return text_of(self.token_file).strip() if self.token_file else self.token

    def changed(self, **said: Any) -> "Settings":
        """With what was said after the command, too."""
        found = replace(self, **{name: value for name, value in said.items() if value is not None})
        return replace(found, token_file=None) if said.get("token") and not said.get("token_file") else found


def read(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(envvar="WORKFLOWS_ADDRESS", help="The server, host:port or https://host:port.")
    ] = ADDRESS,
    token: Annotated[str, typer.Option(envvar="WORKFLOWS_TOKEN", show_default=False, help="A bearer token.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(envvar="WORKFLOWS_TOKEN_FILE", help="A file with the token; it wins over --token.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(envvar="WORKFLOWS_CA", help="Who the server is vouched for by, PEM; means TLS.")
    ] = None,
    cert: Annotated[Path | None, typer.Option(envvar="WORKFLOWS_CERT", help="Our certificate, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(envvar="WORKFLOWS_KEY", help="The key of --cert, PEM.")] = None,
    timeout: Annotated[
        float, typer.Option(envvar="WORKFLOWS_TIMEOUT", min=0.1, help="Seconds that one call may take.")
    ] = TIMEOUT_SECONDS,
    workspace: Annotated[
        str, typer.Option(envvar="WORKFLOWS_WORKSPACE", show_default=False, help="The workspace meant.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON, for scripts.")] = False,
) -> None:
    context.obj = Settings(address, token, token_file, ca, cert, key, timeout, workspace, as_json)
