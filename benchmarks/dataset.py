"""Measures how fast training data is inspected and how much memory that takes, beside loading it and no more.

    python benchmarks/dataset.py [--megabytes N]

Each subject runs in a process of its own, in one run; pandas is measured where it is installed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

MEGABYTE = 1_000_000
WORDS = ("river", "harbour", "engine", "lantern", "orchard", "compass", "turbine", "glacier", "market", "bridge")
SUBJECTS = {
    "ftchat data": "from tools.dataset import inspect_dataset; inspect_dataset([Path(sys.argv[1])])",
    "orjson, a line at a time": "import orjson\nfor line in open(sys.argv[1], 'rb'): orjson.loads(line)",
    "json, a line at a time": "import json\nfor line in open(sys.argv[1], 'rb'): json.loads(line)",
    "pandas.read_json": "import pandas; pandas.read_json(sys.argv[1], lines=True)",
}


def write_chats(path: Path, num_bytes: int) -> None:
    """Write chats of about 1.2 KB a row, every row different."""
    draw = random.Random(7)  # noqa: S311  words for a benchmark
    with path.open("w") as stream:
        for number in range(num_bytes):
            asked, told = (" ".join(draw.choices(WORDS, k=k)) for k in (14, 140))
            turns = [{"role": "user", "content": f"{asked} {number}?"}, {"role": "assistant", "content": f"{told}."}]
            stream.write(json.dumps({"messages": turns}) + "\n")
            if stream.tell() >= num_bytes:
                return


def measure(code: str, path: Path) -> tuple[float, int] | None:
    """Seconds of processor time and peak bytes of a process; None where its library is missing."""
    script = (
        f"import sys, resource, time\nfrom pathlib import Path\n{code}\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\nprint(time.process_time(), used.ru_maxrss * 1024)"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=root, check=False
    )
    if done.returncode:
        return None
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    """Write the data, measure each subject, print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=500)
    num_bytes = parser.parse_args().megabytes * MEGABYTE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chats.jsonl"
        write_chats(path, num_bytes)
        print("| what | MB/s | peak MB |\n| --- | --- | --- |")
        for name, code in SUBJECTS.items():
            found = measure(code, path)
            told = f"{path.stat().st_size / MEGABYTE / found[0]:.0f} | {found[1] / MEGABYTE:.0f}" if found else "- | -"
            print(f"| {name} | {told} |")


if __name__ == "__main__":
    main()
