"""Makes up a team's card for tests."""

from pathlib import Path

SECTIONS = ("What you see", "Why it happens", "Check this first", "Then do this", "When it is not this")


def write_team_card(folder: Path, card_id: str = "queue_full", **changed: str) -> Path:
    """Write a sound card; `changed` replaces whole fields of the front matter, an empty text drops one."""
    fields = {
        "id": card_id,
        "title": "The queue of our cluster is full",
        "family": "crash",
        "signs": '["the job waits with reason Resources"]',
        "suspects": '[{cause: the night jobs are late, check: "squeue shows them running"}]',
        "moves": "[{knob: time_limit, direction: lower, amount: to four hours, cost: more restarts}]",
        "related": "[interrupted]",
        "phrases": "[" + ", ".join(f'"why does job {number} wait"' for number in range(15)) + "]",
        "versions": "any",
        "sources": '["our wiki, page Cluster"]',
        **changed,
    }
    front = "\n".join(f"{name}: {value}" for name, value in fields.items() if value)
    body = "\n".join(f"## {heading}\nThe *{heading.lower()}* of it.\n" for heading in SECTIONS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card_id}.md"
    path.write_text(f"---\n{front}\n---\n\n{body}", encoding="utf-8")
    return path
