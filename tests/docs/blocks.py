"""Code blocks of the documentation: found, and executed as a reader would.

A fenced block may have a marker, a comment on the line before it::

    <!-- not executed: REASON -->      the reader executes it, the tests do not
    <!-- file: NAME -->                the reader writes it to a file of that name
    <!-- menu: NAME -->                the reader adds it to the end of the menu in that file

Every other block is executed as it stands: ``sh`` line by line, ``python`` as a script. ``yaml``
and ``text`` blocks without a marker are looked at only.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>[\w ]+): (?P<argument>.*?) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: File name of the page.
        line: Line of its first line of content.
        language: Word behind the fence.
        text: Content.
        marker: ``not executed``, ``file``, ``menu`` or nothing.
        argument: What the marker says.
    """

    page: str
    line: int
    language: str
    text: str
    marker: str
    argument: str

    @property
    def place(self) -> str:
        """Where it is, for messages and as the name of a test."""
        return f"{self.page}:{self.line}"


def read_blocks(page: str) -> list[Block]:
    """Read all fenced blocks of a page of this repository."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start("text")) + 1,
            found["language"],
            found["text"],
            found["kind"] or "",
            found["argument"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def follow_page(page: str, folder: Path) -> str:
    """Do in `folder` what a reader does with a page, from its top, and give all that was printed.

    Programs that follow each other are one session, as in a notebook: Keras is imported once.
    """
    printed = ""
    for is_session, blocks in groupby(read_blocks(page), key=_is_program):
        group = list(blocks)
        if is_session:
            group = [replace(group[0], text="".join(block.text for block in group))]
        printed += "".join(follow(block, folder) for block in group)
    return printed


def follow(block: Block, folder: Path) -> str:
    """Do in `folder` what a reader does with a block, and give what was printed."""
    if block.marker == "file":
        (folder / block.argument).write_text(block.text, encoding="utf-8")
    elif block.marker == "menu":
        _add_to_menu(folder / block.argument, block.text)
    elif block.marker == "":
        return "".join(_execute(command, block, folder) for command in list_commands(block))
    return ""


def list_commands(block: Block) -> list[list[str]]:
    """Give the commands that a block without a marker stands for."""
    if block.language == "python":
        return [[sys.executable, "-c", block.text]]
    if block.language != "sh":
        return []
    commands = [shlex.split(line) for line in block.text.splitlines()]
    unknown = [command for command in commands if command[0] != "python"]
    assert not unknown, f"{block.place}: {unknown}: start it with 'python', or mark the block."
    return [[sys.executable, *command[1:]] for command in commands]


def copy_repository(folder: Path) -> Path:
    """Copy what a clone holds, without what was made in it since."""
    folders = ("sweeps", "search_spaces", "tests", "docs", ".ci")
    files = [path.name for path in REPOSITORY.glob("*.*") if path.suffix in {".md", ".toml"}]
    for name in (*folders, *files):
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.tmp-*")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def _is_program(block: Block) -> bool:
    return block.language == "python" and not block.marker


def _add_to_menu(path: Path, entry: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("    },\n)") == 1, f"{path}: expected one menu"
    path.write_text(text.replace("    },\n)", f"{entry}    }},\n)"), encoding="utf-8")


def _execute(command: list[str], block: Block, folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(find_package(folder))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.place}: {' '.join(command[1:])}\n{done.stdout}"
    return done.stdout


def find_package(folder: Path) -> Path:
    """Choose the package that a reader has: the folder's own copy, else this repository's."""
    return folder if (folder / "sweeps").is_dir() else REPOSITORY
