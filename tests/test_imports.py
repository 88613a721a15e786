"""What each command imports: a command pays only for what it uses."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = (
    "torch",
    "sentence_transformers",
    "chromadb",
    "llama_cpp",
    "langchain",
    "langchain_core",
    "onnxruntime",
    "numpy",
    "sqlalchemy",
    "yaml",
)


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('MODULES', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import assistant.cli; assistant.cli.build_parser([]).format_help()", set()),
        ("import tools.log_parser, tools.diagnosis", set()),
        ("import assistant.cli; assistant.cli.main(['check', 'examples/overfit.log'])", {"yaml"}),
        ("import assistant.agent, assistant.ask", {"yaml"}),
        ("import knowledge.card, knowledge.retrieval", {"yaml"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str, allowed: set[str]) -> None:
    assert imported_by(code) <= allowed


def test_a_question_with_words_needs_neither_torch_nor_sentence_transformers(shared_cache: Path) -> None:
    code = (
        "from assistant.cli import main\n"
        f"main(['ask', 'why?', '--log', 'examples/overfit.log', '--cache', {str(shared_cache)!r}, '--no-llm'])\n"
    )
    imported_by(code)
    assert not imported_by(code) & {"torch", "sentence_transformers", "langchain", "llama_cpp"}
