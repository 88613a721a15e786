"""Made-up runs with one fault each that the training and validation loss show."""

import math

from run_factory import add_evals, add_noise, make_rows

from evals.story import Story, beat, bend, cosine_like, grow, learn, level, line, tell, with_evals

NAN, INF = math.nan, math.inf
GOOD = [1.9, 1.55, 1.35, 1.27, 1.23, 1.22]
HARMED = frozenset({"loss_divergence", "learning_rate_too_high", "exploding_gradients", "loss_spikes"})
IDLE = frozenset({"loss_not_decreasing", "learning_rate_too_low", "lr_schedule"})
NO_LABEL = frozenset({"label_masking", "loss_zero", "loss_nan", "vanishing_gradients", "dataset_format"})
OVERFLOW = frozenset({"dtype_precision", "loss_nan", "loss_zero"})
HEART = frozenset({"insufficient_data", "missing_regularization", "duplicate_data"})
WRONG_LABELS = frozenset(
    {"label_masking", "dataset_format", "data_quality", "chat_template", "tokenizer_vocab_mismatch"}
    | {"base_model_mismatch", "grad_accumulation_scaling"}
)

NOT_A_NUMBER = (
    tell("nan from the middle", with_evals([*learn(36), *[NAN] * 24], [1.9, 1.5, 1.3, NAN, NAN, NAN],
         grad_norm=[0.8] * 35 + [NAN] * 25), "loss_nan", fair=OVERFLOW),
    tell("nan from the first row", make_rows([NAN] * 30, grad_norm=NAN), "loss_nan", fair=OVERFLOW | NO_LABEL),
    tell("nan in the last rows", with_evals([*learn(118, 1.7, 0.8), NAN, NAN], GOOD), "loss_nan", fair=OVERFLOW),
    tell("nan in the evaluations only", with_evals(learn(50), [1.8, NAN, NAN, NAN]), "loss_nan", fair=NO_LABEL,
         needs=["eval_loss"]),
    tell("inf and then nan", make_rows([*learn(20), INF, *[NAN] * 12]), "loss_nan", fair=OVERFLOW),
    tell("0 with a nan gradient", with_evals([*learn(30), *[0.0] * 30], [1.8, 1.5, 1.4, NAN, NAN, NAN],
         grad_norm=[0.9] * 30 + [NAN] * 30), "loss_zero", either=["loss_nan"], fair=OVERFLOW),
    tell("0 with a nan gradient, no evaluations", make_rows([*learn(12, 3.1, 2.0), *[0.0] * 40],
         grad_norm=[2.0] * 12 + [NAN] * 40), "loss_zero", either=["loss_nan"], fair=OVERFLOW),
    tell("0 throughout, every label masked", make_rows([0.0] * 40, grad_norm=0.0), "loss_zero",
         either=["label_masking"], fair=NO_LABEL),
    tell("0 after a few rows", make_rows([*learn(10, 2.0, 1.7), *[0.0] * 50], grad_norm=[1.0] * 10 + [0.0] * 50),
         "loss_zero", either=["label_masking"], fair=NO_LABEL),
)  # fmt: skip
CLIMBING = (
    tell("climbs late", with_evals([*learn(70, 2.2, 1.0), *line(30, 1.1, 3.6, 0.08)], [*GOOD, 2.0, 3.1],
         grad_norm=[0.9] * 70 + grow(30, 1.0, 40.0)), "loss_divergence", either=HARMED, fair=HARMED),
    tell("climbs early", make_rows([2.5, 2.2, 2.0, *line(6, 2.3, 7.5), *level(50, 7.6, 0.1, 3)]),
         "loss_divergence", fair=HARMED),
    tell("climbs slowly to the end", make_rows([*learn(50, 3.2, 2.0), *line(100, 2.0, 2.9, 0.05)]), "loss_divergence",
         fair=HARMED),
    tell("jumps and stays", make_rows([*learn(45, 1.9, 0.9), *level(45, 5.1, 0.06, 4)],
         grad_norm=[0.7] * 45 + [9.0] + [0.2] * 44), "loss_divergence", fair=HARMED),
    tell("rate of 5e-2", make_rows([2.3, 2.8, 6.9, 9.1, *level(46, 7.7, 0.3, 5)], learning_rate=5e-2, grad_norm=14.0),
         "learning_rate_too_high", either=["loss_divergence"], fair=HARMED, needs=["learning_rate"]),
    tell("rate of 1e-2, bounces at a poor value", with_evals(add_noise([2.4, *[2.9] * 79], 0.45, 5), [3.0] * 4,
         learning_rate=1e-2, grad_norm=6.0), "learning_rate_too_high", either=HARMED | {"loss_not_decreasing"},
         fair=HARMED | {"loss_not_decreasing"}, needs=["learning_rate"]),
    tell("gradients explode", with_evals([*learn(60, 2.0, 1.2), *line(10, 1.3, 2.4)], GOOD,
         grad_norm=[1.1] * 40 + grow(30, 1.1, 2e4)), "exploding_gradients", either=["loss_divergence"], fair=HARMED,
         needs=["grad_norm"]),
    tell("gradients explode while the loss holds", make_rows(learn(80, 2.6, 1.9, noise=0.1),
         grad_norm=[0.9] * 30 + grow(50, 0.9, 6e3)), "exploding_gradients", fair=HARMED, needs=["grad_norm"]),
    tell("four peaks that recover", with_evals(beat(learn(120, noise=0.02), (37, 61, 62, 90, 111), 3.0), GOOD,
         grad_norm=beat([0.8] * 120, (37, 61, 62, 90, 111), 30.0)), "loss_spikes", fair=HARMED),
    tell("peaks without gradients", make_rows(beat(learn(200, 1.5, 0.6, noise=0.02), (50, 90, 130, 131, 170), 2.2)),
         "loss_spikes", fair=HARMED),
)  # fmt: skip
IDLING = (
    tell("flat with noise", with_evals(level(60, 2.3, 0.06, 1), [2.31, 2.3, 2.31, 2.3]), "loss_not_decreasing"),
    tell("flat and smooth", make_rows(level(100, 1.74, 0.004, 2)), "loss_not_decreasing"),
    tell("flat under 25 % of noise", make_rows(level(160, 3.1, 0.75, 3)), "loss_not_decreasing"),
    tell("flat, short", make_rows(level(14, 2.05, 0.02, 4)), "loss_not_decreasing"),
    tell("rate 0", make_rows(level(60, 2.2, 0.05, 5), learning_rate=0.0), "learning_rate_too_low", either=IDLE,
         fair=IDLE, needs=["learning_rate"]),
    tell("rate of 1e-8", with_evals(level(80, 1.9, 0.03, 6), [1.95] * 5, learning_rate=cosine_like(80, 1e-8)),
         "learning_rate_too_low", either=IDLE, fair=IDLE, needs=["learning_rate"]),
    tell("rate of 2e-7, barely moving", make_rows(line(80, 2.2, 2.17, 0.02), learning_rate=cosine_like(80, 2e-7)),
         "learning_rate_too_low", either=IDLE, fair=IDLE, needs=["learning_rate"]),
    tell("gradients vanish", make_rows(level(60, 2.4, 0.02, 7), grad_norm=[3e-8] * 60), "vanishing_gradients",
         either=IDLE, fair=IDLE | {"vanishing_gradients"}, needs=["grad_norm"]),
    tell("uniform over 32,000 tokens", make_rows(level(60, math.log(32000), 0.004, 8)), "loss_not_decreasing",
         either=WRONG_LABELS | {"vanishing_gradients"}, fair=WRONG_LABELS),
    tell("classes stay at ln 3", with_evals(level(60, math.log(3), 0.02, 9), [1.1, 1.098, 1.099, 1.1]),
         "loss_not_decreasing"),
    tell("rate ends a third through", make_rows([*learn(30, 2.9, 2.2, speed=1.0), *level(60, 2.24, 0.02, 1)],
         learning_rate=[*line(30, 2e-4, 7e-6), *[0.0] * 60]), "lr_schedule", fair=IDLE, needs=["learning_rate"]),
    tell("rate still warms up at the end", make_rows(line(60, 2.5, 2.47, 0.02), learning_rate=line(60, 1e-9, 6e-7)),
         "lr_schedule", either=IDLE, fair=IDLE, needs=["learning_rate"], total_steps=100000),
    tell("jolt without warm-up", with_evals([1.6, 5.8, 4.9, 3.9, 3.2, *learn(75, 2.8, 2.0)], [2.6, 2.3, 2.15, 2.1],
         learning_rate=line(80, 2e-3, 1e-5), grad_norm=[2.0, 60.0, 22.0, 9.0, 5.0, *[1.2] * 75]), "lr_schedule",
         either=HARMED, fair=HARMED, needs=["learning_rate"], warmup_steps=0),
)  # fmt: skip
GENERALISING = (
    tell("overfits clearly", with_evals(learn(100, 2.2, 0.15), bend((3, 5), 1.9, 1.4, 2.6)), "overfitting", fair=HEART,
         needs=["eval_loss"]),
    tell("overfits under noise", with_evals(learn(150, 2.4, 0.5, noise=0.1), bend((8, 12), 2.2, 1.5, 1.95, 0.03)),
         "overfitting", fair=HEART, needs=["eval_loss"]),
    tell("overfits while the accuracy improves", add_evals(make_rows(learn(90, 1.2, 0.05)),
         [0.72, 0.61, 0.58, 0.63, 0.7, 0.79], eval_accuracy=[0.71, 0.77, 0.8, 0.81, 0.815, 0.82]), "overfitting",
         fair=HEART, needs=["eval_loss"]),
    tell("overfits in four epochs", with_evals(learn(40, 1.8, 0.3), [1.21, 1.13, 1.36, 1.72]), "overfitting",
         fair=HEART, needs=["eval_loss"]),
    tell("knows the rows by heart", with_evals(learn(120, 2.6, 0.004, noise=0.001, speed=8.0),
         [1.7, 1.6, 1.75, 2.1, 2.4, 2.7, 2.8, 2.9]), "overfitting", fair=HEART, needs=["eval_loss"]),
    tell("overfits, small scale", with_evals(learn(60, 0.31, 0.02, noise=0.004), [0.24, 0.19, 0.21, 0.26, 0.31]),
         "overfitting", fair=HEART, needs=["eval_loss"]),
    tell("starts at 0.002", with_evals(level(60, 0.002, 0.0004, 2), [0.0021, 0.002, 0.0019]), "data_leakage",
         either=["duplicate_data"], fair=IDLE | HEART),
    tell("validation far better than training", with_evals(learn(80, 1.9, 0.95), [0.12, 0.06, 0.03, 0.02]),
         "data_leakage", either=["duplicate_data"], fair=HEART | {"grad_accumulation_scaling"}, needs=["eval_loss"]),
    tell("above a uniform guess", make_rows([13.9, 12.8, 12.0, *learn(57, 11.6, 10.6, noise=0.05)]), "label_masking",
         either=WRONG_LABELS, fair=WRONG_LABELS | {"underfitting"}, needs=["settings"], vocab_size=32000,
         model_name_or_path="meta-llama/Llama-2-7b-hf"),
    tell("sum over 8 micro-batches", with_evals([8 * loss for loss in learn(80)], [1.6, 1.35, 1.22, 1.17]),
         "grad_accumulation_scaling", needs=["eval_loss", "settings"], gradient_accumulation_steps=8),
    tell("sum over 16 micro-batches, untold", with_evals([16 * loss for loss in learn(80, 1.9, 0.9)],
         [1.3, 1.1, 1.0, 0.95]), "grad_accumulation_scaling", needs=["eval_loss"]),
    tell("still falling steeply at the end", with_evals(line(60, 4.1, 2.9, 0.03), [3.9, 3.6, 3.3, 3.0]), "underfitting",
         either=["learning_rate_too_low", "insufficient_data"], fair=["learning_rate_too_low"], needs=["eval_loss"]),
    tell("a staircase of epochs down to 0", make_rows([value + shift for value in (1.8, 0.9, 0.35, 0.12, 0.05)
         for shift in add_noise([0.0] * 20, 0.012, 3)]), "overfitting", either=HEART, fair=HEART),
    tell("never evaluated", make_rows(learn(90, 2.1, 1.3)), "no_evaluation"),
    tell("back to the start on resuming", with_evals([*learn(40, 2.6, 1.3), *learn(40, 2.6, 1.3, seed=2)],
         [1.9, 1.5, 1.9, 1.5]), "checkpoint_resume", either=["loss_spikes"], fair=["loss_spikes"]),
    tell("alpha of 0.1 on rank 16", make_rows(level(60, 2.1, 0.03, 3)), "lora_misconfiguration",
         either=["loss_not_decreasing"], fair=["loss_not_decreasing"], needs=["settings"], lora_r=16, lora_alpha=0.1),
)  # fmt: skip
FAULTS: tuple[Story, ...] = (*NOT_A_NUMBER, *CLIMBING, *IDLING, *GENERALISING)
