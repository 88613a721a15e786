"""What the check of one input gave."""

from dataclasses import dataclass

from assistant.exits import Exit
from tools.diagnosis.finding import SEVERITIES, Diagnosis, Severity
from tools.run import Run


@dataclass(frozen=True, slots=True)
class Checked:
    """One input after the check: its run and diagnosis, or why it could not be read."""

    name: str
    run: Run | None
    diagnosis: Diagnosis | None
    error: str = ""

    def code(self, fail_on: Severity) -> Exit:
        """The exit code that this input alone gives."""
        if self.diagnosis is None or not self.diagnosis.is_judged:
            return Exit.NOT_JUDGED
        if self.diagnosis.unexplained:
            return Exit.FOUND
        limit = SEVERITIES.index(fail_on)
        is_found = any(SEVERITIES.index(finding.severity) <= limit for finding in self.diagnosis.findings)
        return Exit.FOUND if is_found else Exit.DONE
