"""Progress bars that carry metrics: in the postfix, as Lightning, NeMo, kohya, diffusers and scripts do, or in "
"front."""

import re
from collections.abc import Mapping

from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, read_pairs, reading_alone
from tools.log_formats.record import LogFormat

MAX_DESCRIPTION = 240

_BAR = re.compile(
    r"\d{1,3}%\|[^|\n]{0,400}\| {0,8}([\d.]{1,12}[kKMG]?)/([\d.]{1,12}[kKMG]?) \[[^<\]\n]{1,40}<"
    r"[^,\]\n]{1,40}(?:, {0,3}[\d.?]{1,12}[kMG]? ?[A-Za-z]{1,20}/[A-Za-z]{1,20})?(?:, ([^\]\n]{1,2000}))?"
)
_RICH_BAR = re.compile(
    r"(?<![━╸╺╴╶─ ]) {1,3}[━╸╺][━╸╺╴╶─ ]{2,200}(\d{1,12})/(\d{1,12})"
    r" [\d:]{4,12} • [\d:-]{4,12} {1,3}[\d.]{1,12} ?(?:it/s|s/it)"
    r" ([^\n\[]{1,2000})"
)
_OPEN_BAR = re.compile(r"(?<![\w/.])(\d{1,12})()it \[[\d:]{4,12}, {0,3}[^,\]\n]{1,40}, ([^\]\n]{1,2000})")
_PAIR = re.compile(
    rf"(?<![\w/.])((?:[A-Za-z]{{2,12}} ){{0,2}}[A-Za-z_][\w/@()-]{{0,40}})(?:[=:] ?| )({NUMBER})"
    rf"(?:\.0{{1,4}})?{UNIT}(?=[\s,;|%\]):[]|$)"
)
_EPOCH = re.compile(r"\bepochs?(?: ?[:=#])? ?\[?(\d{1,9})(?: ?/ ?(\d{1,9}))?", re.IGNORECASE)
_EVALUATION = re.compile(
    r"\b(?:val|valid|validat\w{2,5}|eval|evaluat\w{2,5}|test|testing|predict\w{0,5}|sanity)\b", re.IGNORECASE
)

# Where a bar shows several losses, the raw one of the step comes first and the smoothed one last.
_RAW_FIRST = (
    "reduced_train_loss",
    "train_loss_step",
    "train/loss_step",
    "batch_loss",
    "step_loss",
    "gpt_loss",
    "train_loss",
    "train/loss",
)
_NAMES = {
    **{name: Field(f"raw {name}") for name in _RAW_FIRST},
    "v_num": None,
    "train_step_timing in s": Field("step_seconds"),
    "in s": Field("step_seconds"),
    "loss": Field("loss"),
    "losses/total_loss": Field("loss"),
    "val_loss_epoch": Field("eval_loss"),
    "mem": Field("memory_bytes"),
    "memory": Field("memory_bytes"),
    "tflops": Field("tflops"),
    "policy_loss": Field("policy_loss"),
}
_RAW_NAMES = tuple(f"raw {name}" for name in _RAW_FIRST)
_TELLING = ("loss", "reward", "ppl", "perplexity")
_DESCRIBED = (*_TELLING, "learning_rate", "acc", "step", "norm")


class _BarReader:
    """Tells the step of the run from bars that begin anew in every epoch, whether or not they name it."""

    def __init__(self) -> None:
        self._epochs = EpochSteps()
        self._passed = 0
        self._last = (0, 0)
        self._last_epoch: float | None = None
        self._widest_gap = 0
        self._spans_run = False
        self._step: float | None = None

    def __call__(self, text: str) -> dict[str, float] | None:
        bar = _find_bar(text)
        if not bar:
            return None
        description = text[max(0, bar.start() - MAX_DESCRIPTION) : bar.start()]
        values = read_pairs(_PAIR, _NAMES, bar[3]) if bar[3] else {}
        if "|Loss: " in description or "completed (loss: " in description:
            return None
        if "oss" in description:
            described = _read_description(description)
            if _is_place_in_epoch(described, description, bar[1]):
                del described["step"]
            values = {**described, **values}
        _choose_loss(values)
        if not any(telling in name for name in values for telling in _TELLING):
            return None
        if _EVALUATION.search(description):
            return self._evaluation(values) if bar[1] == bar[2] else None
        match = _EPOCH.search(description)
        if match:
            values["epoch"] = float(match[1])
        if bar[1].isdigit():
            self._place(values, int(bar[1]), int(bar[2]) if bar[2].isdigit() else 0)
        return values

    def _place(self, values: dict[str, float], step: int, total: int) -> None:
        """Tell the step; a bar that counts in thousands rounds it, and so tells none."""
        self._note_span(values.get("epoch"), step, total)
        if "step" not in values:
            if "epoch" in values and total and not self._spans_run:
                values["step"] = self._epochs.run_step(values["epoch"], float(step), float(total))
            else:
                values["step"] = float(self._count_passed(step, total) + step)
                if total and not self._passed:
                    values["total_steps"] = float(total)
        self._step = values["step"]

    def _note_span(self, epoch: float | None, step: int, total: int) -> None:
        """Take note of a bar that runs on as the epoch changes: it counts the run's steps, not those of an epoch.

        It must run on at its pace; a bar that begins anew may be further as well where frames are missing.
        """
        if epoch is None:
            return
        gap = step - self._last[0] if total == self._last[1] > 0 else 0
        if self._last_epoch is not None and epoch > self._last_epoch:
            self._spans_run = 0 < gap <= 2 * self._widest_gap
        elif epoch == self._last_epoch:
            self._widest_gap = max(self._widest_gap, gap)
        self._last, self._last_epoch = (step, total), epoch

    def _count_passed(self, step: int, total: int) -> int:
        """Steps of earlier bars of the same length: one that was full and begins again goes on with the run."""
        last_step, last_total = self._last
        if total and total == last_total and step < last_step == last_total:
            self._passed += total
        self._last = (step, total)
        return self._passed

    def _evaluation(self, values: Mapping[str, float]) -> dict[str, float] | None:
        loss = values.get("loss", values.get("eval_loss"))
        if loss is None:
            return None
        return {"eval_loss": loss} if self._step is None else {"step": self._step, "eval_loss": loss}


def _find_bar(text: str) -> re.Match[str] | None:
    """Find a bar of any kind, quickly where there is none."""
    if "%|" in text:
        return _BAR.search(text)
    if "━ " in text or "╺" in text:
        return _RICH_BAR.search(text)
    return _OPEN_BAR.search(text) if "it [" in text else None


def _read_description(text: str) -> dict[str, float]:
    """Read the metrics in front of a bar; other numbers there are a launcher's or a logger's."""
    found = read_pairs(_PAIR, _NAMES, text)
    return {name: value for name, value in found.items() if any(part in name for part in _DESCRIBED)}


def _is_place_in_epoch(described: Mapping[str, float], description: str, shown: str) -> bool:
    """Whether a step beside an epoch counts within it: the bar, which counts from one, is further by more than that."""
    step = described.get("step")
    return step is not None and shown.isdigit() and step < float(shown) and bool(_EPOCH.search(description))


def _choose_loss(values: dict[str, float]) -> None:
    """Put the raw loss in the place of the smoothed one."""
    raw = [values.pop(name) for name in _RAW_NAMES if name in values]
    if raw:
        values["loss"] = raw[0]


def _new_reader() -> LineReader:
    return _BarReader()


TQDM_POSTFIX = LogFormat(
    name="progress_bar",
    title="metrics on a progress bar (Lightning, NeMo 1, kohya, diffusers, scripts)",
    source="tqdm/std.py format_meter; lightning/pytorch/callbacks/progress; sd-scripts/train_network.py",
    samples=(
        (
            "Epoch 0:   2%|▏         | 30/1500 [00:15<12:15,  2.00it/s, loss=6.5, v_num=3, reduced_train_loss=6.250, "
            "global_step=29.00, consumed_samples=240.0, val_loss=6.750]",
            {
                "loss": 6.25,
                "step": 29.0,
                "consumed_samples": 240.0,
                "eval_loss": 6.75,
                "epoch": 0.0,
            },
        ),
        (
            "Epoch 2:  50%|█████     | 50/100 [00:25<00:25,  2.00it/s, v_num=0, train_loss_step=1.250, val_loss=1.500, "
            "train_loss_epoch=1.375]",
            {"loss": 1.25, "eval_loss": 1.5, "train_loss_epoch": 1.375, "epoch": 2.0, "step": 150.0},
        ),
        (
            "steps:  25%|██▌       | 24/96 [02:00<06:00,  5.00s/it, avr_loss=0.125]",
            {"loss": 0.125, "step": 24.0, "total_steps": 96.0},
        ),
        (
            "Training:  10%|█         | 100/1000 [10:00<90:00,  6.00s/it, loss=2.5000, lr=1.00e-04, mem=2.0GB, "
            "mfu=41.5%]",
            {
                "loss": 2.5,
                "learning_rate": 1e-4,
                "memory_bytes": 2.0 * 2**30,
                "mfu": 41.5,
                "step": 100.0,
                "total_steps": 1000.0,
            },
        ),
        (
            "accuracy: 0.7500, batch_loss: 0.5000, loss: 0.6250 ||:  30%|###       | 90/300 [00:09<00:21, 10.00it/s]",
            {"accuracy": 0.75, "loss": 0.5, "step": 90.0, "total_steps": 300.0},
        ),
        (
            "Epoch 1/4  ━━━━━━━━━━━━╺━━━━━━━━ 20/200 0:00:10 • 0:01:30 2.00it/s v_num: 0.000 train_loss: 3.125",
            {"loss": 3.125, "epoch": 1.0, "step": 20.0},
        ),
        ("640it [05:20,  2.00it/s, loss=0.75]", {"loss": 0.75, "step": 640.0}),
    ),
    markers=(b"oss", b"OSS", b"ppl", b"PPL", b"eward", b"erplexity"),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
