"""The parser, and the promise that every run ends in an answer or in one clear message.

Exit codes: 0 answered; 1 a check found faults (`facts check`, `port rewrite --check`); 2 bad input; 3 no answer exists
(nothing fits, the limits contradict each other, or the question can't be expressed); 70 a defect of polysilicon;
130 interrupted; 141 the reader of our output went away.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError, UnknownCommandError, UnusedCliTokensError

from polysilicon import __version__
from polysilicon.cli.commands import ABOUT, COMMANDS, GROUPS
from polysilicon.records.errors import Infeasible, InputError, PolysiliconError
from polysilicon.records.names import nearest
from polysilicon.report.words import printable

ANSWERED, FAULTS, BAD_INPUT, NO_ANSWER, DEFECT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 70, 130, 141
STOPPED = "interrupted; nothing half-written is left behind"
PATIENCE_S = 1.0


def build() -> App:
    """The parser. Commands are named as strings, so that only the one that runs is imported."""
    root = _app("polysilicon", ABOUT, version=__version__)
    groups = {name: _app(name, summary) for name, summary in GROUPS.items()}
    for order, command in enumerate(COMMANDS):
        parent = groups[command.group] if command.group else root
        parent.command(
            command.function,
            name=command.name,
            help=command.summary,
            help_epilogue=command.example_text,
            sort_key=order,
        )
    for group in groups.values():
        root.command(group)
    root.register_install_completion_command(help="Install completion for your shell (bash, zsh or fish).")
    return root


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing raised on purpose leaves here."""
    _open_streams()
    try:
        code = build()(list(arguments), result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as misuse:
        return _complain(_usage(misuse), BAD_INPUT)
    except InputError as error:
        return _complain(str(error), BAD_INPUT)
    except Infeasible as error:
        return _complain(_with_limits(error), NO_ANSWER)
    except PolysiliconError as error:
        return _complain(str(error), NO_ANSWER)
    except KeyboardInterrupt:
        return _complain(STOPPED, INTERRUPTED)
    except BrokenPipeError:
        return _abandon(PIPE_CLOSED)
    except SystemExit as gone:
        # rich leaves in this way when it meets a closed pipe.
        if isinstance(gone.__context__, BrokenPipeError):
            return _abandon(PIPE_CLOSED)
        raise
    except OSError as refusal:
        if not refusal.filename:
            return _abandon(_complain(f"can't write standard output: {refusal.strerror}", BAD_INPUT))
        # What is written says so itself (records/files.py): most often this could not be read.
        return _complain(f"can't use {refusal.filename2 or refusal.filename}: {refusal.strerror}", BAD_INPUT)
    except Exception as error:
        if os.environ.get("POLYSILICON_TRACEBACK"):
            raise
        told = f"a defect of polysilicon, not of your input: {type(error).__name__}: {error}"
        return _complain(f"{told}; POLYSILICON_TRACEBACK=1 shows where, for a bug report", DEFECT)
    return code if isinstance(code, int) else ANSWERED


def leave_promptly() -> None:
    """From now on Ctrl-C ends the process within a moment, even inside a solver that runs outside Python."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        while os.read(reading, 1) != bytes([signal.SIGINT]):
            continue
        # Python code gets its KeyboardInterrupt first, and with it the time to remove what it was writing.
        threading.Event().wait(PATIENCE_S)
        os._exit(_complain(STOPPED, INTERRUPTED))

    threading.Thread(target=watch, daemon=True).start()


def _open_streams() -> None:
    """Streams that take any text, also where the caller closed them."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _abandon(code: int) -> int:
    """Drop what standard output still holds: Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _app(name: str, summary: str, version: str | None = None) -> App:
    return App(
        name=name,
        help=summary,
        version=version,
        version_flags=["--version"] if version else [],
        help_format="plaintext",
        print_error=False,
        exit_on_error=False,
        help_on_error=False,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=(), show_default=_told),
    )


def _told(default: object) -> str | None:
    """A default as help shows it; an option without a value of its own shows none."""
    return None if default in (None, (), "") else str(default)


def _usage(misuse: CycloptsError) -> str:
    """What was wrong with the words typed, in the style of every other message."""
    chain = misuse.command_chain or ()
    given = misuse.unused_tokens or [""]
    help_line = f"`{' '.join(('polysilicon', *chain))} --help` shows an example"
    if isinstance(misuse, UnknownCommandError):
        group = chain[0] if chain else ""
        known = [one.name for one in COMMANDS if one.group == group] + ([] if group else list(GROUPS))
        return str(
            InputError(f"unknown command {given[0]!r}", allowed=sorted(known), nearest=nearest(given[0], known, 1))
        )
    if isinstance(misuse, UnusedCliTokensError):
        return f"did not expect {' '.join(map(repr, given))}; {help_line}"
    said = str(misuse).rstrip(".")
    return f"{said}{' ' if said.endswith('?') else '; '}{help_line}"


def _with_limits(error: Infeasible) -> str:
    return "\n".join([str(error), *(f"  - {limit}" for limit in error.limits if limit not in str(error))])


def _complain(message: str, code: int) -> int:
    print(f"polysilicon: {printable(message)}", file=sys.stderr)
    return code
