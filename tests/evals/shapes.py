"""A run that learns in encodings and shapes that are broken or odd: it is read, or refused in words."""

import gzip
import json
import random
from functools import partial

from run_factory import add_evals, descend, make_rows, render, render_state

from evals.case import Case
from evals.story import read

ROWS = add_evals(make_rows(descend(40)), [1.8, 1.4, 1.2])
CONSOLE, STATE = render(ROWS, "floats"), render_state(ROWS)
FACTS = {"num_points": 40.0, "last_loss": ROWS[-2]["loss"], "min_eval_step": 400.0}
MANY = 1_000_000


def noise(num_bytes: int) -> bytes:
    """Bytes of no format."""
    return random.Random(3).randbytes(num_bytes)  # noqa: S311 - noise, nothing secret


SHAPES: dict[str, bytes] = {
    "UTF-16": CONSOLE.decode().encode("utf-16"),
    "Latin-1 words between the rows": b"Modell f\xfcr Gr\xfc\xdfe geladen\n" + CONSOLE,
    "gzip": gzip.compress(CONSOLE),
    "JSON cut in the middle": STATE[: len(STATE) // 2],
    "NUL bytes between the rows": CONSOLE.replace(b"\n", b"\n\0\0\0", 3),
    "empty": b"",
    "binary": noise(20_000),
    "one line of 1 MB": b"x=" * (MANY // 2) + b"\n",
    "a header and no rows": b"epoch,step,train_loss,val_loss\n",
}
READABLE = ("UTF-16", "Latin-1 words between the rows", "gzip", "JSON cut in the middle", "NUL bytes between the rows")
"""What a person can be expected to have; of these something is to be read."""
MORE: dict[str, bytes] = {
    "UTF-8 with a mark": b"\xef\xbb\xbf" + CONSOLE,
    "UTF-16, big-endian without a mark": CONSOLE.decode().encode("utf-16-be"),
    "Windows line ends": CONSOLE.replace(b"\n", b"\r\n"),
    "JSON on one line": render_state(ROWS, indent=None),
    "JSON, only the list": json.dumps(ROWS).encode(),
    "gzip that is cut": gzip.compress(CONSOLE)[:-40],
    "bars only": b"\r 10%|#         | 1/10 [00:01<00:09,  1.00s/it]" * 200,
    "brackets without end": b"[" * MANY,
    "quotes without end": b"{'loss': '" * (MANY // 10),
    "digits without end": b"loss: " + b"1" * MANY,
    "blanks without end": b"{'loss'" + b" " * MANY + b": 1.0}",
    "a picture": b"\x89PNG\r\n\x1a\n" + noise(4000),
    "words only": b"the quick brown fox\n" * 500,
}


def make_shape(name: str, data: bytes) -> Case:
    """A case of a shape: a false alarm is wrong, and so is a crash."""
    whole = name in (*READABLE, *list(MORE)[:5]) and "cut" not in name
    return Case(name, partial(read, data), facts=FACTS if whole else {}, may_be_refused=True)


BROKEN: tuple[Case, ...] = tuple(make_shape(name, data) for name, data in SHAPES.items())
BROKEN_MORE: tuple[Case, ...] = tuple(make_shape(name, data) for name, data in MORE.items())
