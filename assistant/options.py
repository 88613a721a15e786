"""Flags that several commands share, and the examples under every help text."""

import argparse

EPILOG = """\
examples:
  cat train.log | ftchat "why is my loss flat?"       the log is piped in
  ftchat ask "will this fit?" --log trainer_state.json
  ftchat check train.log                              diagnosis only, no language model
  ftchat check --follow train.log                     new findings as they come
  ftchat check --format sarif --output out.sarif *.log
  ftchat cards search "answers never stop"            what the cards know
  ftchat params "llama 3.1 8b" --rank 16              how many parameters are trained
  ftchat vram "llama 3.1 8b" --method qlora           will it fit?
  ftchat data train.jsonl                             what is wrong with which rows
  ftchat -c "and with rank 64?"                       go on with the last conversation
  ftchat history search "nan"                         what was asked before
  ftchat models list                                  which language models may answer

exit codes:
  0   done; for check: nothing of severity warning or worse was found
  1   check found something
  2   could not judge (unreadable or empty input), or bad usage
  69  a model or service that is needed is not there
  130 interrupted
"""


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare how the output is written, and where the index lies."""
    parser.add_argument("--json", action="store_true", help="JSON on stdout, one object a line where there are several")
    parser.add_argument("--cache", metavar="DIR", help="folder of the card index and of pulled models (FTCHAT_CACHE)")


def add_library(parser: argparse.ArgumentParser) -> None:
    """Declare the folder of a team's cards."""
    parser.add_argument("--cards", metavar="DIR", help="folder of your team's own cards (FTCHAT_CARDS)")


def add_llm(parser: argparse.ArgumentParser) -> None:
    """Declare which language model answers."""
    parser.add_argument(
        "--llm",
        metavar="MODEL",
        help="\"embedded\", a GGUF file, a name of 'ftchat models list', or openai:NAME and its like (FTCHAT_MODEL)",
    )
    parser.add_argument("--llm-url", metavar="URL", help="server of an openai:NAME model (FTCHAT_MODEL_URL)")
    parser.add_argument("--no-llm", action="store_true", help="leave the language model out")


def add_history(parser: argparse.ArgumentParser) -> None:
    """Declare what is kept of a conversation."""
    parser.add_argument("-c", "--continue", dest="is_continued", action="store_true", help="go on with the last one")
    parser.add_argument("--session", metavar="ID", help="go on with this one; 'ftchat history list' names them")
    parser.add_argument("--no-save", action="store_true", help="keep nothing of this in the history")
    parser.add_argument("--dump-turn", metavar="F", help="add question, evidence and answer to F, a JSON line")
