from pathlib import Path

import pytest

from polysilicon.cli import app
from polysilicon.cli.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.words)
def test_the_page_of_commands_has_every_example(command):
    assert f"    polysilicon {command.example}\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_of_commands_has_every_exit_code():
    text = PAGE.read_text(encoding="utf-8")
    codes = (app.ANSWERED, app.FAULTS, app.BAD_INPUT, app.NO_ANSWER, app.DEFECT, app.INTERRUPTED, app.PIPE_CLOSED)
    assert all(f"| {code} | " in text for code in codes)
