"""A memory estimate as an object for programs."""

from dataclasses import asdict
from typing import Any

from tools.vram_fit import FitPlan
from tools.vram_report import VramReport

VRAM_SCHEMA = "ftchat.vram/1"


def estimate_to_json(report: VramReport) -> dict[str, Any]:
    """Everything about one run: sizes in bytes, as integers."""
    estimate, verdicts = report.estimate, report.verdicts
    return {
        "schema": VRAM_SCHEMA,
        "model": report.model.shape.name,
        "allocated_bytes": asdict(estimate.allocated_bytes),
        "reserved_bytes": asdict(estimate.reserved_bytes),
        "smi_bytes": asdict(estimate.smi_bytes),
        "parts": dict(estimate.parts),
        "peak_at": estimate.peak_at,
        "moments": dict(estimate.moments),
        "verdict": verdicts[0] if verdicts else None,
        "gpus": [
            {"name": gpu.name, "total_bytes": gpu.total_bytes, "usable_bytes": gpu.usable_bytes, "verdict": verdict}
            for gpu, verdict in zip(report.gpus, verdicts, strict=True)
        ],
        "settings": asdict(estimate.settings),
        "notes": list(estimate.notes),
        **_extras(report),
    }


def _extras(report: VramReport) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if report.speed:
        extras["speed"] = {**asdict(report.speed), "seconds": report.seconds}
    if report.utilisation is not None:
        extras["model_flops_utilisation"] = report.utilisation
    if report.calibration:
        extras["calibration"] = asdict(report.calibration)
    if report.fit:
        extras["fit"] = _fit_to_json(report.fit)
    if report.trace:
        extras["trace"] = {**asdict(report.trace), "analytic_bytes": report.analytic_bytes}
    return extras


def _fit_to_json(plan: FitPlan) -> dict[str, Any]:
    return {
        "verdict": plan.verdict,
        "largest_micro_batch": plan.largest_micro_batch,
        "largest_seq_len": plan.largest_seq_len,
        "steps": [
            {
                "change": step.change,
                "saves_bytes": step.saves_bytes,
                "allocated_bytes": asdict(step.estimate.allocated_bytes),
                "smi_bytes": asdict(step.estimate.smi_bytes),
                "verdict": step.verdict,
            }
            for step in plan.steps
        ],
    }
