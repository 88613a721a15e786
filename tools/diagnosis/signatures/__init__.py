"""What crashes look like: one table of error texts a family, and what each means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from tools.diagnosis.finding import Value
from tools.diagnosis.signatures.checkpoints import CHECKPOINT_SIGNATURES
from tools.diagnosis.signatures.configuration import CONFIGURATION_SIGNATURES
from tools.diagnosis.signatures.datasets import DATASET_SIGNATURES
from tools.diagnosis.signatures.devices import DEVICE_SIGNATURES
from tools.diagnosis.signatures.distributed import DISTRIBUTED_SIGNATURES
from tools.diagnosis.signatures.hub import HUB_SIGNATURES
from tools.diagnosis.signatures.packages import CALL_SIGNATURES, PACKAGE_SIGNATURES
from tools.diagnosis.signatures.precision import PRECISION_SIGNATURES
from tools.diagnosis.signatures.quantization import QUANTIZATION_SIGNATURES
from tools.diagnosis.signatures.signature import Signature
from tools.diagnosis.signatures.system import SYSTEM_SIGNATURES

# The first that fits is taken, so a family that speaks of one library stands before one that speaks of any.
SIGNATURES: tuple[Signature, ...] = (
    *CALL_SIGNATURES,
    *SYSTEM_SIGNATURES,
    *QUANTIZATION_SIGNATURES,
    *PRECISION_SIGNATURES,
    *DEVICE_SIGNATURES,
    *DISTRIBUTED_SIGNATURES,
    *HUB_SIGNATURES,
    *CHECKPOINT_SIGNATURES,
    *DATASET_SIGNATURES,
    *CONFIGURATION_SIGNATURES,
    *PACKAGE_SIGNATURES,
)

_PLACE = re.compile(r":? ?[('\"]?\{(?P<name>\w{1,40})\}[)'\"]?")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an error text means.

    Attributes:
        signature: the one that fits.
        cause: one sentence for a person, with what the text tells.
        values: what was read from the text, by name.
    """

    signature: Signature
    cause: str
    values: Mapping[str, Value] = field(default_factory=dict)


@lru_cache(maxsize=1024)
def explain_error(message: str, stack: str = "") -> Explanation | None:
    """Find out what an error text means.

    Args:
        message: the error's name and text, further lines included.
        stack: the frames as text, where they are known.

    Returns:
        None where no signature fits.

    Example:
        >>> explain_error("ModuleNotFoundError: No module named 'tyro'").values
        {'module': 'tyro'}
    """
    for signature in SIGNATURES:
        match = _compile(signature.pattern).search(message)
        if match and (not signature.stack or _compile(signature.stack).search(stack)):
            found = {name: text.strip() for name, text in match.groupdict().items() if text}
            values: dict[str, Value] = {name: int(text) if text.isdigit() else text for name, text in found.items()}
            return Explanation(signature, _fill(signature.cause, found), values)
    return None


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: most logs hold no error."""
    return re.compile(pattern, re.DOTALL)


def _fill(cause: str, found: Mapping[str, str]) -> str:
    """Put what was read into its places; a place for what the text does not tell goes, with the marks around it."""
    return _PLACE.sub(lambda match: match[0].format_map(found) if match["name"] in found else "", cause)
