"""The terminal: parse, call one verb, hand the result to report.

Architecture in one paragraph: `commands` is the list of commands (name, function, one line, worked example), read
by the parser, the tests and the documentation; `app` builds the parser from it, runs one command and turns every
error into one message and an exit code; each other module holds the functions of one command, imports its rooms
only when called, and passes what they return to `polysilicon.report`; `options` are the parameters that several
commands share, `train_layout`, `train_recipe`, `train_run` and `train_space` those of training, `replay_options`
those of replays, `progress` a bar; `cases` asks a single-case command once for every row of a CSV file (`train_cases`
and `searches` those of training, `replay_cases` those of replays). Nothing imports this room.
"""


def main() -> None:
    """Run the command line; the entry point of the `polysilicon` script."""
    import sys

    from polysilicon.cli.app import leave_promptly, run

    leave_promptly()
    raise SystemExit(run(sys.argv[1:]))
