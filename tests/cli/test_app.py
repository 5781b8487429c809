import json
import signal
import subprocess
import sys
import time

import pytest

from polysilicon.cli.commands import COMMANDS, GROUPS
from polysilicon.records import errors

WORDS = [command.words.split() for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.words)
def test_every_command_has_help_with_an_example(run, command):
    ran = run(*command.words.split(), "--help")
    assert ran.code == 0
    assert f"polysilicon {command.example}" in ran.out.replace(" \\\n    ", " ")
    assert command.summary.split()[0] in ran.out


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_every_command_offers_json(run, words):
    assert "--json" in run(*words, "--help").out


def test_the_overview_lists_every_command(run):
    shown = run("--help").out
    for name in [command.name for command in COMMANDS if not command.group] + list(GROUPS):
        assert f" {name} " in shown


def test_the_version_is_printed(run):
    from polysilicon import __version__

    assert run("--version").out.strip() == __version__


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["jugde"], "did you mean judge?"),
        (["facts", "lst"], "did you mean list?"),
        (["facts", "show"], "NAME"),
        (["init", "a", "b"], "did not expect 'b'"),
        (["init", "--forse"], "--force"),
        (["judge", "nvidia-h20-96gb", "--to", "CN", "--on", "2025-06-01", "--view", "mine"], "text"),
        (["estimate", "train", "llama-3.1-8b", "--tp", "two"], "two"),
        (["estimate", "train", "llama-3.1-8b", "--chips", "8GB"], "8GB"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(run, words, said):
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("polysilicon: ")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (errors.InputError("bad"), 2),
        (errors.NothingFits("none"), 3),
        (errors.Unsupported("no"), 3),
        (errors.Infeasible("clash", ["budget", "carbon"]), 3),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("oops"), 70),
    ],
)
def test_every_end_has_its_exit_code_and_no_traceback(run, monkeypatch, raised, code):
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr("polysilicon.facts.browse.list_kinds", fail)
    ran = run("facts", "list")
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert ran.out == ""
    if isinstance(raised, errors.Infeasible):
        assert ran.err.splitlines()[1:] == ["  - budget", "  - carbon"]


def test_a_defect_shows_its_traceback_when_asked(run, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("polysilicon.facts.browse.list_kinds", fail)
    monkeypatch.setenv("POLYSILICON_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run("facts", "list")


def test_control_characters_of_the_input_do_not_reach_the_terminal(run):
    assert "\x1b" not in run("facts", "show", "\x1b[2Jname").err


def test_json_is_all_there_is_on_standard_output(spawn):
    ran = spawn("facts", "list", "chip", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["rows"]


def test_output_is_plain_without_a_terminal(spawn):
    assert "\x1b" not in spawn("facts", "list").out


def test_output_survives_a_terminal_that_knows_no_unicode(spawn):
    ran = spawn("facts", "show", "nvidia-h20-96gb", PYTHONIOENCODING="ascii")
    assert ran.code == 0
    assert "memory_gb" in ran.out


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -c 'from polysilicon.cli import main; main()' facts list price | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_help_does_not_import_the_rooms():
    code = (
        "import sys; from polysilicon.cli.app import run; run(['--help']); "
        "print([one for one in ('numpy', 'scipy', 'linopy', 'pandas', 'yaml', 'jinja2') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


QUICK = {
    "judge": "judge nvidia-h20-96gb --to CN --on 2025-06-01",
    "estimate train": "estimate train llama-3.1-8b --chip nvidia-h100-sxm-80gb --chips 8 --global-batch 8",
}


@pytest.mark.parametrize("line", QUICK.values(), ids=QUICK)
def test_a_quick_answer_does_not_wait_for_the_solver(line):
    code = (
        f"import sys; from polysilicon.cli.app import run; run({line.split()}); "
        "print([one for one in ('scipy', 'linopy', 'pandas', 'jinja2', 'duckdb') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_completion_can_be_installed(run):
    assert "--install-completion" in run("--help").out


def shell(line, cwd):
    start = "from polysilicon.cli import main; main()"
    return subprocess.run(
        ["bash", "-c", f'p() {{ "{sys.executable}" -c "{start}" "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def test_a_reader_that_went_away_is_exit_code_141(tmp_path):
    done = shell("p facts show nvidia-h20-96gb | true; echo ${PIPESTATUS[0]}", tmp_path)
    assert done.stdout.strip() == "141"
    assert done.stderr == ""


def test_output_that_cannot_be_written_is_one_message(tmp_path):
    done = shell("p facts list > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("polysilicon: can't write standard output")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_output_is_no_defect(tmp_path):
    done = shell("p facts list >&-", tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


def test_ctrl_c_ends_a_solver_that_does_not_listen(tmp_path):
    deaf = (
        "import polysilicon.cli.app as app, ctypes; "
        "app.run = lambda words: ctypes.CDLL(None).usleep(999_999) or [ctypes.CDLL(None).usleep(900_000) "
        "for _ in iter(int, 1)]; "
        "import signal; signal.signal(signal.SIGINT, lambda *_: None); "
        "from polysilicon.cli import main; main()"
    )
    one = subprocess.Popen([sys.executable, "-c", deaf], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    time.sleep(1.5)
    one.send_signal(signal.SIGINT)
    _, err = one.communicate(timeout=5)
    assert one.returncode == 130
    assert err == "polysilicon: interrupted; nothing half-written is left behind\n"


def test_the_package_runs_as_a_module(tmp_path):
    asked = [sys.executable, "-m", "polysilicon", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert done.stdout.strip()


def test_help_shows_no_default_that_is_none(run):
    told = run("search", "train", "--help").out
    assert "[default: 4096]" in told
    assert not any(nothing in told for nothing in ("default: ()", "default: None", "default: ]"))


def test_what_the_system_refuses_is_not_said_to_be_a_write(run, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr("polysilicon.cli.app.build", lambda: refused)
    ran = run("facts", "list")
    assert (ran.code, ran.err) == (2, "polysilicon: can't use secret: Permission denied\n")
