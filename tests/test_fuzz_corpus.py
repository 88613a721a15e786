"""What once broke the reader or a rule is read and judged in a moment."""

import io
import time
from pathlib import Path

import pytest

from tools.diagnosis import diagnose
from tools.errors import BadInput
from tools.facts import collect_facts
from tools.log_parser import parse_log

BROKE = sorted((Path(__file__).parent / "fuzz" / "broke").iterdir())
MAX_SECONDS = 5.0


def test_there_is_a_corpus() -> None:
    assert BROKE


@pytest.mark.parametrize("path", BROKE, ids=lambda path: path.name)
def test_an_input_that_once_broke_something_breaks_nothing(path: Path) -> None:
    start = time.process_time()
    try:
        run = parse_log(io.BytesIO(path.read_bytes()))
    except BadInput as error:
        assert str(error)
    else:
        diagnose(run)
        collect_facts(run)
    assert time.process_time() - start < MAX_SECONDS
