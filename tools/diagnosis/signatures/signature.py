"""The shape of one entry in the tables of crashes."""

from dataclasses import dataclass

from tools.diagnosis.finding import Confidence


@dataclass(frozen=True, slots=True)
class Signature:
    """One way in which a run crashes.

    Attributes:
        name: what it is called in tests and values.
        id: the pitfall that it belongs to, "" where it is known but belongs to none.
        pattern: searched in the error's name and text; its named groups are what the text tells.
        cause: one sentence, in which the groups stand in braces.
        stack: where given, must be found in the frames ("path in function: code") as well.
    """

    name: str
    id: str
    pattern: str
    cause: str
    confidence: Confidence = "likely"
    stack: str = ""
