"""Training data: what form it has, and what is wrong with which rows."""

from tools.dataset.inspection import inspect_dataset, inspect_datasets
from tools.dataset.report import DatasetReport, Defect, Lengths, Place

__all__ = ["DatasetReport", "Defect", "Lengths", "Place", "inspect_dataset", "inspect_datasets"]
