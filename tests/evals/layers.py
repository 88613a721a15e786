"""What lies over a log on its way to a person: containers, prefixes, colours, notebooks, compression."""

import gzip
import json
import lzma
from collections.abc import Callable, Sequence

from run_factory import Row

from evals.writers import Settings, Writer, write_transformers_4, write_transformers_5

STAMP = "2025-03-04T05:06:07.123456789Z"


def wrap_docker(log: bytes) -> bytes:
    """Docker's json-file driver."""
    lines = log.decode().splitlines(keepends=True)
    return "".join(json.dumps({"log": line, "stream": "stderr", "time": STAMP}) + "\n" for line in lines).encode()


def wrap_kubernetes(log: bytes) -> bytes:
    """The runtime interface of Kubernetes, which cuts long lines into parts."""
    text = ""
    for line in log.decode().split("\n")[:-1]:
        parts = [line[start : start + 400] for start in range(0, len(line), 400)] or [""]
        text += "".join(f"{STAMP} stderr P {part}\n" for part in parts[:-1]) + f"{STAMP} stderr F {parts[-1]}\n"
    return text.encode()


def prefix_ray(log: bytes) -> bytes:
    """Ray's prefix of a worker, coloured."""
    return b"".join(
        b"\x1b[36m(RayTrainWorker pid=4711, ip=10.0.0.7)\x1b[0m " + line + b"\n" for line in log.splitlines()
    )


def prefix_loguru(log: bytes) -> bytes:
    """Loguru's prefix of a message."""
    return b"".join(
        b"2025-03-04 05:06:07.123 | INFO     | __main__:on_log:28 - " + line + b"\n"
        for line in log.replace(b"\r", b"\n").splitlines()
        if line.strip()
    )


def colour(log: bytes) -> bytes:
    """Colours round every row, and the cursor codes of nested bars."""
    return log.replace(b"{'", b"\x1b[32m{'").replace(b"}\n", b"}\x1b[0m\n\x1b[K").replace(b"\r", b"\r\x1b[A\x1b[K")


def quote_mail(log: bytes) -> bytes:
    """Quotation marks before each line, as in an answer to a mail."""
    return b"".join(b"> " + line + b"\n" for line in log.replace(b"\r", b"\n").splitlines())


def make_notebook(log: bytes) -> bytes:
    """A notebook whose cell printed the log."""
    lines = log.decode().replace("\r", "\n").splitlines(keepends=True)
    output = {"name": "stdout", "output_type": "stream", "text": lines}
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [output], "source": ["train()"]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "Docker": wrap_docker,
    "Kubernetes": wrap_kubernetes,
    "Ray": prefix_ray,
    "loguru": prefix_loguru,
    "colours": colour,
    "quoted mail": quote_mail,
    "notebook file": make_notebook,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "UTF-16": lambda log: log.decode().encode("utf-16"),
    "Windows line ends": lambda log: log.replace(b"\n", b"\r\n"),
}


def cover(layer: Callable[[bytes], bytes], number: int) -> Writer:
    """A writer whose console text lies under a layer; transformers 4 and 5 by turns."""
    inner = write_transformers_5 if number % 2 else write_transformers_4

    def write(rows: Sequence[Row], settings: Settings) -> bytes:
        return layer(inner(rows, settings))

    return write


COVERED: dict[str, Writer] = {name: cover(layer, number) for number, (name, layer) in enumerate(LAYERS.items())}
