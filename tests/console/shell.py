"""Types commands: in this process, in a thread of their own, so that the service in this one can answer."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typer.testing import CliRunner

from service.cli import app
from tests.world import World


@dataclass(frozen=True)
class Desk:
    """A service, where it listens, and the settings it was started with."""

    world: World
    address: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def cell(self, title: str, row: int = 1) -> str:
        """Of the table that the answer begins with."""
        head = self.lines[0]
        begin = head.index(title)
        titles = [each for each in range(begin + 1, len(head)) if head[each] != " " and head[each - 2 : each] == "  "]
        return self.lines[row][begin : titles[0] if titles else None].strip()


@dataclass
class Shell:
    environment: dict[str, str] = field(default_factory=dict)

    async def __call__(self, *words: str, stdin: str = "", **environment: str) -> Ended:
        return await asyncio.to_thread(self._run, words, stdin, environment)

    async def done(self, *words: str, stdin: str = "", **environment: str) -> Ended:
        """What has to succeed."""
        ended = await self(*words, stdin=stdin, **environment)
        assert ended.code == 0, (words, ended)
        return ended

    def _run(self, words: tuple[str, ...], stdin: str, environment: dict[str, str]) -> Ended:
        """Nothing of the environment of the tests reaches the command."""
        ours: dict[str, str | None] = {name: None for name in os.environ if name.startswith("WORKFLOWS_")}
        settings = {**ours, **self.environment, **environment}
        result = CliRunner().invoke(app, list(words), input=stdin, env=settings, prog_name="workflows")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)
