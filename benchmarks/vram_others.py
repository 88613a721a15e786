"""What other estimators say about a run, where they are installed (the extra ``bench``).

Each is given the exact number of parameters, which is more than most would find by themselves.
"""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType

from tools.vram_matrices import count_matrices
from tools.vram_report import VramReport

GIB = 1 << 30

_STORED = {"nf4": "int4", "gptq": "int4", "awq": "int4", "int8": "int8"}

Estimator = Callable[[VramReport], float | None]


def find_estimators() -> Mapping[str, Estimator]:
    """The estimators that are installed here, by name."""
    wanted: tuple[tuple[str, str, Callable[[ModuleType], Estimator]], ...] = (
        ("accelerate estimate-memory", "accelerate.commands.estimate", _accelerate),
        ("hf-vram-calc", "hf_vram_calc.calculator", _hf_vram_calc),
        ("llm-resource-planner", "llm_resource_planner.cli", _llm_resource_planner),
    )
    found = {}
    for name, module, make in wanted:
        try:
            found[name] = make(importlib.import_module(module))
        except ImportError:
            continue
    return found


def _count(report: VramReport) -> int:
    return count_matrices(report.model.modules, report.model.shape.num_layers).total


def _accelerate(module: ModuleType) -> Estimator:
    """Its training column is for full fine-tuning; it takes the model's size in fp32."""

    def estimate(report: VramReport) -> float | None:
        if report.estimate.settings.adapter != "none":
            return None
        return float(max(module.estimate_training_usage(4 * _count(report), "bfloat16").values()))

    return estimate


def _hf_vram_calc(module: ModuleType) -> Estimator:
    """Model memory by data type, four times and 30 % for training, 20 % and the adapters for LoRA."""
    config = importlib.import_module("hf_vram_calc.config")
    calculator = module.VRAMCalculator(config.ConfigManager())

    def estimate(report: VramReport) -> float | None:
        settings = report.estimate.settings
        stored = calculator.calculate_model_memory(_count(report), _STORED.get(settings.quantization, "bf16"))
        if settings.adapter == "none":
            return float(calculator.calculate_training_memory(stored)) * GIB
        return float(calculator.calculate_lora_memory(stored, _count(report), lora_rank=settings.rank)) * GIB

    return estimate


def _llm_resource_planner(module: ModuleType) -> Estimator:
    """It plans inference only: weights and a cache of 4,096 positions."""

    def estimate(report: VramReport) -> float | None:
        shape, stored = report.model.shape, _STORED.get(report.estimate.settings.quantization, "float16")
        total = module.estimate_memory(_count(report) / 1e9, shape.hidden_size, shape.num_layers, stored)[-1]
        return float(total) * GIB

    return estimate
