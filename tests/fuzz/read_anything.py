"""Feeds mutated logs to the reader and the rules: nothing may be raised but BadInput, and nothing may take long.

    python tests/fuzz/read_anything.py CORPUS -max_total_time=1800 -timeout=20 -rss_limit_mb=2048

What breaks is written by the fuzzer as crash-..., timeout-... or oom-...; it belongs into tests/fuzz/broke once it is
mended, where test_fuzz_corpus.py reads it from then on. Needs the extra ``fuzz``.
"""

import io
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tools"]):
    from tools.diagnosis import diagnose
    from tools.errors import BadInput
    from tools.facts import collect_facts
    from tools.log_formats import FILE_FORMATS, LINE_FORMATS
    from tools.log_parser import parse_log

ROOT = Path(__file__).parent.parent.parent
SEED_BYTES = 4096


def write_seeds(folder: Path) -> None:
    """Write the beginnings of the example logs and every format's samples, for the fuzzer to start from."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*ROOT.glob("examples/*.log"), *ROOT.glob("examples/*.json"), *ROOT.glob("tests/fuzz/broke/*")]:
        (folder / f"example-{path.name}").write_bytes(path.read_bytes()[:SEED_BYTES])
    for line_format in LINE_FORMATS:
        for number, (text, _) in enumerate(line_format.samples):
            (folder / f"sample-{line_format.name}-{number}").write_bytes((text + "\n").encode() * 3)
    for file_format in FILE_FORMATS:
        for number, (data, _) in enumerate(file_format.samples):
            (folder / f"sample-{file_format.name}-{number}").write_bytes(data)


def read_one(data: bytes) -> None:
    """Read and judge one input."""
    try:
        run = parse_log(io.BytesIO(data))
    except BadInput:
        return
    diagnose(run)
    collect_facts(run)


def main() -> None:
    """Fuzz until the time is over or something breaks."""
    write_seeds(Path(sys.argv[1]))
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
