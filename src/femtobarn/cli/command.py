"""Dispatch of one command line: the verb, one-line errors, the exit code."""

import io
import os
import sys
from collections.abc import Callable, Sequence

from femtobarn.cli.arguments import parse, recorder
from femtobarn.cli.chain import chain
from femtobarn.cli.doctor import doctor
from femtobarn.cli.evaluate import evaluate, leaderboard, metric
from femtobarn.cli.run import run
from femtobarn.cli.systems import data, list_systems, show
from femtobarn.cli.trained import export, predict, report
from femtobarn.errors import InputError, MissingExtraError, VerificationError, check_known, printable


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command; ends the process with its exit code."""
    os.environ["MPLBACKEND"] = "agg"  # the command opens no window; Jupyter exports a backend of its own
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode, a name that is not UTF-8
    sys.exit(execute(sys.argv[1:] if arguments is None else arguments))


def execute(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    try:
        _dispatch(list(arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as in: femtobarn list | head -1
        sys.stdout = None
        return 0
    except (InputError, MissingExtraError) as error:
        _tell(str(error))
        return 2
    except VerificationError as error:
        _tell(str(error))
        return 1
    except OSError as error:
        _tell(f"{error.filename or 'system'}: {error.strerror or error}")
        return 2
    return 0


def _tell(message: str) -> None:
    print(f"femtobarn: {printable(' '.join(message.split()))}", file=sys.stderr)


_VERBS: dict[str, Callable[..., None]] = {
    "list": list_systems,
    "show": show,
    "data": data,
    "run": run,
    "chain": chain,
    "evaluate": evaluate,
    "leaderboard": leaderboard,
    "metric": metric,
    "predict": predict,
    "export": export,
    "report": report,
    "doctor": doctor,
}


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print("usage: femtobarn VERB ...\n")
        for name, function in _VERBS.items():
            print(f"  {name:11} {(function.__doc__ or '').splitlines()[0]}")
        print("\nfemtobarn VERB --help explains each. An example: femtobarn run emd-compression tiny")
        return
    if arguments[0] in ("-V", "--version"):
        from femtobarn import __version__

        print(__version__)
        return
    verb, rest = arguments[0], arguments[1:]
    check_known("verb", [verb], _VERBS)
    function = _VERBS[verb]
    if function in (run, chain, evaluate):  # these take settings that depend on their first words
        function(rest)
        return
    # Parse first and call then: what the verb itself writes to stderr must not be taken for a parser's message.
    positional, named = parse(recorder(function), rest, prog=f"femtobarn {verb}")
    function(*positional, **named)
