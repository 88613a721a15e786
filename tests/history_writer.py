"""A process that asks and answers without end, and says on stdout what it has begun and finished; made to be killed.

Usage: python history_writer.py DATABASE NAME
"""

import itertools
import sys
import time

from assistant.history_recorder import Recorder


def say(word: str, text: str) -> None:
    """One line that is there at once, whole."""
    sys.stdout.write(f"{word} {text}\n")
    sys.stdout.flush()


def answer_for_ever(place: str, name: str) -> None:
    """Each answer is a slow model's: sentences with pauses, then the whole of it."""
    session_id = None
    for number in itertools.count():
        question = f"question {name}-{number}"
        recorder = Recorder(place, "cli", lambda text: say("report", text), session_id)
        with recorder.keeping(question):
            session_id = recorder.session_id()
            say("begun", question)
            sentences = [f"sentence {part} of {name}-{number} " + "loss " * 200 for part in range(5)]
            for sentence in sentences:
                time.sleep(0.002)
                recorder.hear(sentence)
            answer = {"answer": " ".join(sentences), "findings": [{"id": "overfitting"}], "model": "slow"}
            recorder.finish(answer, '{"exchanges": ["' + "x" * 20_000 + '"]}')
            say("finished", question)


if __name__ == "__main__":
    answer_for_ever(sys.argv[1], sys.argv[2])
