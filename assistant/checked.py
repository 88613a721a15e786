"""What the check of one input gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assistant.exits import Exit
from tools.diagnosis.finding import SEVERITIES, Diagnosis, Severity
from tools.run import Run, Setting


@dataclass(frozen=True, slots=True)
class Checked:
    """One input after the check: its run and diagnosis, or why it could not be read.

    Attributes:
        config: the settings, where the input is a config; it is not judged then.
        is_used: there are logs beside the config that its settings belong to.
    """

    name: str
    run: Run | None
    diagnosis: Diagnosis | None
    error: str = ""
    config: Mapping[str, Setting] = field(default_factory=dict)
    is_used: bool = False

    def code(self, fail_on: Severity) -> Exit:
        """The exit code that this input alone gives."""
        if self.config and self.is_used:
            return Exit.DONE
        if self.diagnosis is None or not self.diagnosis.is_judged:
            return Exit.NOT_JUDGED
        if self.diagnosis.unexplained:
            return Exit.FOUND
        limit = SEVERITIES.index(fail_on)
        is_found = any(SEVERITIES.index(finding.severity) <= limit for finding in self.diagnosis.findings)
        return Exit.FOUND if is_found else Exit.DONE
