"""The command `workflows`: what people and platforms run.

Some commands run the service or look after its database and belong to this package; all that ask a running server live
in `service.console`. Each command is a few lines over the part that does the work, which is imported late, so that
`--help` is instant. Invariant: whatever an operator can get wrong ends in words on stderr and an exit code of
`console.exits`, never in a traceback.
"""

import os
from typing import Annotated

import typer

from service.cli import configuring, developing, doctor, migrating, purging, serving
from service.cli.telling import Json, answer
from service.console import groups, listing, settings

app = typer.Typer(
    help="Runs business processes as versioned graphs of steps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables, passwords among them
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(settings.read)
serving.add(app)
developing.add(app)
configuring.add(app)
app.add_typer(migrating.app, name="migrate")
purging.add(app)
doctor.add(app)
groups.add(app)


@app.command()
def commands(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False, as_json: Json = False
) -> None:
    """List every command."""
    if markdown:
        typer.echo(listing.markdown(app))
        return
    known = list(listing.commands(app))
    document = {"commands": [{"command": words, "does": said} for words, said in known]}
    answer(document, (f"{words:<34} {said}" for words, said in known))


def main() -> None:
    # gRPC's core writes lines of its own to stderr, where ours are JSON; its errors reach us as exceptions anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    forbid_old_tls()
    app(prog_name="workflows")


def forbid_old_tls() -> None:
    """The only way to tell gRPC to speak nothing older than TLS 1.3: leave it no cipher of 1.2 that certificates fit.

    It is read when gRPC is loaded, so this comes first. An operator who has to serve old clients sets it otherwise.
    """
    os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-PSK-AES128-CBC-SHA")
