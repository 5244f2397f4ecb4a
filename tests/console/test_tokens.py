"""A server that asks for tokens: who shows a good one works as usual, who does not is told what is missing."""

from pathlib import Path

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from tests.console.files import person
from tests.console.shell import Ended, Shell
from tests.world import world


def protection(ended: Ended) -> tuple[str, str]:
    [found] = [each for each in ended.json["checks"] if each["what"] == "protection"]
    return found["health"], found["found"]


async def test_a_token_says_who_asks(database: str, own_nats: EmbeddedNats, script: Script, tmp_path: Path) -> None:
    async with world(database, own_nats.url, script, token="dev-ann") as found:
        shell = Shell({"WORKFLOWS_ADDRESS": found.address})
        ann, reader = ({"WORKFLOWS_TOKEN": token} for token in ("dev-ann", "dev-reader"))
        doctor = ("doctor", "--only", "server", "--json")
        assert protection(await shell(*doctor)) == ("OK", "asks for a token")
        assert protection(await shell(*doctor, **ann)) == ("OK", "asks for a token, and takes ours")
        assert protection(await shell(*doctor, "--token", "bad")) == ("FAILED", "does not take our token")

        unknown = await shell("runs", "list")
        assert unknown.code == 6
        assert "--token, --token-file or WORKFLOWS_TOKEN says who asks" in unknown.err
        path, name = person(tmp_path)
        await shell.done("definitions", "apply", "-f", str(path), **ann)
        run_id = (await shell.done("runs", "start", name, "--json", **ann)).json["id"]
        assert (await shell.done("runs", "events", run_id, **reader)).cell("WHO") == "user:ann"
        denied = await shell("runs", "cancel", run_id, **reader)
        assert denied.code == 6
        assert denied.err.startswith("workflows: not allowed: ")
        assert (await shell("runs", "list", "--workspace", "ws_other", **ann)).code == 6
