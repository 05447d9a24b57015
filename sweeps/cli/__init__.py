"""The command line: one file per command, imported only when the command is chosen."""

from __future__ import annotations

from sweeps.menu import Menu

COMMANDS = Menu(
    "command",
    {
        "run": "sweeps.cli.run:run",
        "resume": "sweeps.cli.resume:resume",
        "stop": "sweeps.cli.stop:stop",
        "status": "sweeps.cli.status:status",
        "best": "sweeps.cli.best:best",
        "show": "sweeps.cli.show:show",
        "check": "sweeps.cli.check:check",
        "plan": "sweeps.cli.plan:plan",
        "init": "sweeps.cli.init:init",
        "convert": "sweeps.cli.convert:convert",
        "enqueue": "sweeps.cli.enqueue:enqueue",
        "extend": "sweeps.cli.extend:extend",
        "export": "sweeps.cli.export:export",
        "predict": "sweeps.cli.predict:predict",
        "verify": "sweeps.cli.verify:verify",
        "gc": "sweeps.cli.gc:gc",
        "schema": "sweeps.cli.schema:schema",
    },
)
