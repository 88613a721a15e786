r"""Record real trainings on handwritten digits as other trainers show them: Keras, Lightning and a script's own loop.

    OMP_NUM_THREADS=1 PYTHONPATH=examples python -m recorder.digits NAME...|all --scratch FOLDER
    PYTHONPATH=examples python -m recorder.digit_index

The 8 x 8 digits come with scikit-learn. `pip install keras lightning` is needed beside `ftchat[examples]`.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

LOGS = Path(__file__).parents[2] / "tests" / "logs" / "digits"
SEED, NUM_PIXELS, NUM_CLASSES = 5, 64, 10


@dataclass(frozen=True, slots=True)
class Digits:
    """How a run is set up.

    Attributes:
        labels, either, fair: what is wrong, as it shows in the recorded curve; see Knobs.
        trainer: keras, lightning (its metrics.csv), lightning_bar (its console), bar, lines or jsonl (scripts' own).
        num_rows: rows trained on, of 1,200; num_layers: hidden layers of sigmoids where more than one.
        wrong_share: share of the training rows with a random label.
        spoilt_every: of so many batches one holds pixels a hundred times too large, 0 for none.
    """

    labels: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    fair: tuple[str, ...] = ()
    trainer: str = "lines"
    rate: float = 1e-3
    num_rows: int = 1200
    num_epochs: int = 12
    batch_size: int = 32
    width: int = 64
    num_layers: int = 1
    optimiser: str = "adam"
    wrong_share: float = 0.0
    spoilt_every: int = 0
    has_validation: bool = True


RATE = ("learning_rate_too_high", "loss_divergence", "loss_not_decreasing", "loss_spikes", "exploding_gradients")
IDLE = ("loss_not_decreasing", "learning_rate_too_low", "vanishing_gradients", "underfitting")
HEALTHY = Digits()
OVERFIT = Digits(
    ("overfitting",), fair=("insufficient_data", "data_quality"), num_rows=200, num_epochs=60, width=512,
    wrong_share=0.5, batch_size=16, rate=3e-3,
)  # fmt: skip
IDLING = Digits(IDLE[:1], either=IDLE, fair=IDLE, rate=1e-7)
STUCK = Digits(IDLE[:1], either=IDLE, fair=IDLE, num_layers=12, rate=1e-4)
WRECKED = Digits(("loss_divergence",), either=RATE, fair=RATE, rate=2.0)
BLOWN = Digits(("loss_divergence",), either=RATE, fair=RATE, rate=1e6, optimiser="sgd", num_epochs=8)
BROKEN = Digits(("loss_nan",), either=RATE[:1], fair=RATE, rate=1e20, optimiser="sgd", num_epochs=8)
SPIKED = Digits(("loss_spikes",), fair=("exploding_gradients", "data_quality"), spoilt_every=40)
UNWATCHED = Digits(("no_evaluation",), has_validation=False)
KINDS = {
    "healthy": HEALTHY, "overfit": OVERFIT, "rate_tiny": IDLING, "deep_sigmoids": STUCK, "rate_huge": WRECKED,
    "blown_up": BLOWN, "overflow": BROKEN, "spikes": SPIKED, "never_validated": UNWATCHED,
}  # fmt: skip
TRAINERS = {
    "keras": ("healthy", "overfit", "rate_tiny", "deep_sigmoids", "rate_huge", "blown_up", "overflow"),
    "lightning": ("healthy", "overfit", "rate_tiny", "rate_huge", "overflow", "spikes"),
    "lightning_bar": ("healthy", "rate_huge", "overflow"),
    "bar": ("healthy", "deep_sigmoids", "overflow", "spikes"),
    "lines": ("healthy", "overfit", "rate_tiny", "deep_sigmoids", "rate_huge", "blown_up", "overflow", "spikes"),
    "jsonl": ("healthy", "overfit", "rate_huge", "spikes", "never_validated"),
}
RUNS = {
    f"{trainer}_{kind}": replace(KINDS[kind], trainer=trainer) for trainer, kinds in TRAINERS.items() for kind in kinds
}
Batch = tuple[torch.Tensor, torch.Tensor]


def load(run: Digits) -> tuple[Batch, Batch]:
    """Training and validation pixels (rows, 64) and classes (rows,)."""
    data = import_module("sklearn.datasets").load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(SEED))
    pixels = torch.tensor(data.data, dtype=torch.float32)[order] / 16
    classes = torch.tensor(data.target)[order]
    trained = classes[: run.num_rows].clone()
    wrong = torch.rand(run.num_rows) < run.wrong_share
    trained[wrong] = torch.randint(0, NUM_CLASSES, (int(wrong.sum()),))
    return (pixels[: run.num_rows], trained), (pixels[1200:], classes[1200:])


def make_network(run: Digits) -> torch.nn.Sequential:
    """A perceptron; a deep one of sigmoids hardly passes a gradient on."""
    layers: list[torch.nn.Module] = []
    for index in range(run.num_layers):
        activation = torch.nn.ReLU() if run.num_layers == 1 else torch.nn.Sigmoid()
        layers += [torch.nn.Linear(NUM_PIXELS if index == 0 else run.width, run.width), activation]
    return torch.nn.Sequential(*layers, torch.nn.Linear(run.width, NUM_CLASSES))


def make_optimiser(run: Digits, network: torch.nn.Module) -> torch.optim.Optimizer:
    """The optimiser that the run asks for."""
    kind = torch.optim.Adam if run.optimiser == "adam" else torch.optim.SGD
    return kind(network.parameters(), lr=run.rate)


def cut_batches(run: Digits, rows: Batch) -> list[Batch]:
    """The shuffled batches of an epoch."""
    pixels, classes = rows
    order: Any = torch.randperm(len(classes))
    return [(pixels[part], classes[part]) for part in order.split(run.batch_size)]


def train_loop(run: Digits) -> None:
    """A script's own loop: a bar, lines behind Python's logging, or JSON lines."""
    tqdm: Any = import_module("tqdm").tqdm
    rows, held = load(run)
    network = make_network(run)
    optimiser = make_optimiser(run, network)
    logging.basicConfig(format="%(asctime)s - %(levelname)s - %(message)s", level=logging.INFO, stream=sys.stdout)
    step, every = 0, max(1, run.num_rows // run.batch_size // 4)
    for epoch in range(run.num_epochs):
        batches: Sequence[Batch] = cut_batches(run, rows)
        shown = tqdm(batches, desc=f"Epoch {epoch + 1}/{run.num_epochs}") if run.trainer == "bar" else batches
        for pixels, classes in shown:
            step += 1
            factor = 100 if run.spoilt_every and step % run.spoilt_every == 0 else 1
            loss: Any = torch.nn.functional.cross_entropy(network(factor * pixels), classes)
            optimiser.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0 if run.spoilt_every else 1e30)
            optimiser.step()
            if isinstance(shown, tqdm):
                shown.set_postfix(loss=loss.item(), grad_norm=norm.item())
            elif step % every == 0 or factor > 1:
                tell_row(run, step, epoch, {"loss": loss.item(), "grad_norm": norm.item(), "lr": run.rate})
        if run.has_validation and not isinstance(shown, tqdm):
            tell_row(run, step, epoch, validate(network, held))


@torch.no_grad()
def validate(network: torch.nn.Module, held: Batch) -> dict[str, float]:
    """Loss and accuracy on rows that are not trained on."""
    scores = network(held[0])
    loss = torch.nn.functional.cross_entropy(scores, held[1]).item()
    return {"val_loss": loss, "val_accuracy": (scores.argmax(1) == held[1]).float().mean().item()}


def tell_row(run: Digits, step: int, epoch: int, metrics: dict[str, float]) -> None:
    """Show a row of metrics."""
    if run.trainer == "jsonl":
        sys.stdout.write(json.dumps({"step": step, "epoch": epoch, **metrics}) + "\n")
        return
    shown = " | ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    logging.info("epoch %d | step %d | %s", epoch + 1, step, shown)


def train_keras(run: Digits) -> None:
    """Keras's own fit with its bars."""
    keras: Any = import_module("keras")
    rows, held = load(run)
    activation = "relu" if run.num_layers == 1 else "sigmoid"
    hidden = [keras.layers.Dense(run.width, activation=activation) for _ in range(run.num_layers)]
    model = keras.Sequential([*hidden, keras.layers.Dense(NUM_CLASSES)])
    optimiser = keras.optimizers.Adam(run.rate) if run.optimiser == "adam" else keras.optimizers.SGD(run.rate)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimiser, loss=loss, metrics=["accuracy"])
    given = [part.numpy() for part in rows]
    kept = tuple(part.numpy() for part in held) if run.has_validation else None
    model.fit(*given, epochs=run.num_epochs, batch_size=run.batch_size, validation_data=kept, verbose=1)


def train_lightning(run: Digits, out: Path) -> None:
    """Lightning's trainer with its CSV logger and its bar."""
    lightning: Any = import_module("lightning")
    loggers: Any = import_module("lightning.pytorch.loggers")
    callbacks: Any = import_module("lightning.pytorch.callbacks")
    rows, held = load(run)

    class Classifier(lightning.LightningModule):  # type: ignore[misc]  # lightning is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.network = make_network(run)

        def training_step(self, batch: Batch, index: int) -> torch.Tensor:
            factor = 100 if run.spoilt_every and (index + 1) % (run.spoilt_every // 2) == 0 else 1
            loss = torch.nn.functional.cross_entropy(self.network(factor * batch[0]), batch[1])
            self.log("train_loss", loss, prog_bar=True)
            return loss

        def validation_step(self, batch: Batch) -> None:
            self.log("val_loss", torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1]), prog_bar=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return make_optimiser(run, self.network)

    sets = [torch.utils.data.TensorDataset(*part) for part in (rows, held)]
    loaders = [torch.utils.data.DataLoader(part, batch_size=run.batch_size, shuffle=part is sets[0]) for part in sets]
    logger = loggers.CSVLogger(out, name="csv", version=0)
    every = 2 if run.spoilt_every or run.num_rows < 400 else 5
    trainer = lightning.Trainer(
        max_epochs=run.num_epochs,
        logger=logger,
        log_every_n_steps=every,
        accelerator="cpu",
        enable_checkpointing=False,
        default_root_dir=out,
        enable_progress_bar=run.trainer == "lightning_bar",
        callbacks=[callbacks.TQDMProgressBar(refresh_rate=5)] if run.trainer == "lightning_bar" else [],
        gradient_clip_val=1.0 if run.spoilt_every else None,
    )
    trainer.fit(Classifier(), *loaders)


def train(run: Digits, out: Path) -> None:
    """Train in this process."""
    torch.manual_seed(SEED)
    if run.trainer == "keras":
        train_keras(run)
    elif run.trainer.startswith("lightning"):
        train_lightning(run, out)
    else:
        train_loop(run)


def record(name: str, scratch: Path) -> None:
    """Run one training in a process of its own and keep what it wrote."""
    out, console, run = scratch / name, scratch / f"{name}.console", RUNS[name]
    shutil.rmtree(out, ignore_errors=True)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch"}
    with console.open("wb") as stream:
        command = [sys.executable, "-m", "recorder.digits", name, "--scratch", str(scratch), "--in-this-process"]
        subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, check=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    if run.trainer == "lightning":
        shutil.copyfile(out / "csv" / "version_0" / "metrics.csv", LOGS / f"{name}.csv")
        return
    log = console.read_bytes().replace(sys.prefix.encode(), b"/venv").replace(str(scratch).encode(), b"/scratch")
    (LOGS / f"{name}.{'jsonl' if run.trainer == 'jsonl' else 'log'}").write_bytes(log)


def main() -> None:
    """Record what the command line names."""
    parser = argparse.ArgumentParser(description="Record trainings on handwritten digits.")
    parser.add_argument("names", nargs="+", choices=[*RUNS, "all"])
    parser.add_argument("--scratch", type=Path, required=True, help="folder for what is not kept")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in RUNS if "all" in given.names else given.names:
        if given.in_this_process:
            train(RUNS[name], given.scratch / name)
        else:
            record(name, given.scratch)


if __name__ == "__main__":
    main()
