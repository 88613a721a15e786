"""Words of the shell, the launcher and the scheduler that a process was ended from outside or by a fault of its own."""

import re

_EXIT_WORD = r"(?:[Ee]xit ?code|return code|[Ee]xited with(?: code)?|[Ee]xit status)"


def _signal(number: int, name: str, *more: str, codes: str = "") -> str:
    """The ways in which a process is said to have ended by one signal; 128 + number is what a shell makes of it."""
    ways = (
        rf"{_EXIT_WORD}\W{{0,8}}(?:{codes or f'-{number}|{128 + number}'})\b",
        rf"[Ss]ignal:? {number} \({name}\)",
        rf"<Signals\.{name}: ",
        rf"got signal: {number}\b",
        rf"Received {number} death signal",
        rf"terminated with signal {name}\b",
    )
    return "|".join((*ways, *more))


# One of these stands in every line below; most lines hold none, and asking for words is cheap.
_WORDS = (
    "xit",
    "return code",
    "ignal",
    "SIG",
    "illed",
    "CANCELLED",
    "cancelled",
    "preempted",
    "walltime",
    "TERM_",
    "LIMIT",
    "time limit",
    "Deadline",
    "DUE TO",
    "Segmentation",
    "Bus error",
    "Illegal",
    "Abort",
    "Terminated",
    "Hangup",
    "Detected Key",
    "C0000005",
    "3221225477",
)
_LAUNCHER = re.compile(r"closing signal SIG|sending signal|Killing subprocess|due to signal handler|code: 0\b")

_SIGNALS = (
    (
        "time_limit",
        r"DUE TO TIME LIMIT|walltime .{0,40}exceeded|TERM_RUNLIMIT|DeadlineExceeded\b.{0,40}[Jj]ob|time limit exceeded",
    ),
    (
        "preempted",
        r"DUE TO (?:PREEMPTION|NODE FAILURE|JOB REQUEUE)|(?:job|node|instance|pod|VM) .{0,30}(?:was|been) preempted",
    ),
    ("cancelled", r"(?:JOB|STEP) \S{1,40} ON \S{1,80} CANCELLED|Job cancelled by|TERM_OWNER"),
    (
        "SIGKILL",
        _signal(
            9,
            "SIGKILL",
            r"^(?:\[\d{1,3}\]\s{0,2}[+-]?\s{1,4})?Killed\s{0,200}(?:$|(?:python|torchrun|accelerate|bash|CUDA_"
            r"|nohup)\S{0,4} )",
            r"\bline \d{1,6}:\s{1,4}\d{1,10} Killed\b",
            r"^zsh: killed",
            r"by signal: Killed",
        ),
    ),
    ("SIGSEGV", _signal(11, "SIGSEGV", r"Segmentation fault", r"Caught signal 11", r"0xC0000005|3221225477")),
    ("SIGBUS", _signal(7, "SIGBUS", r"Bus error")),
    ("SIGILL", _signal(4, "SIGILL", r"Illegal instruction")),
    ("SIGABRT", _signal(6, "SIGABRT", r"Aborted \(core dumped\)|^Aborted\s{0,4}$|Fatal Python error: Aborted")),
    ("SIGTERM", _signal(15, "SIGTERM", r"^Terminated\s{0,4}$", r"(?:[Rr]eceived|[Cc]aught|got) (?:signal )?SIGTERM")),
    ("SIGHUP", _signal(1, "SIGHUP", r"^Hangup\s{0,4}$", codes="129")),
    ("SIGUSR1", r"(?:[Rr]eceived|[Cc]aught|got) (?:signal )?SIGUSR\d"),
    (
        "SIGINT",
        _signal(
            2, "SIGINT", r"(?:[Rr]eceived|[Cc]aught|got) (?:signal )?SIGINT", r"Detected KeyboardInterrupt, attempting"
        ),
    ),
)
_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _SIGNALS)


def read_signal(text: str) -> str:
    """Tell which end a line speaks of: a signal's name, "time_limit", "preempted", "cancelled", or "" for none.

    What a launcher does to the other ranks once one has failed is none.

    Args:
        text: without colours and prefixes.

    Example:
        >>> read_signal("main.py exits with return code = -9"), read_signal("Sending process 7 closing signal SIGTERM")
        ('SIGKILL', '')
    """
    if not any(word in text for word in _WORDS) or _LAUNCHER.search(text):
        return ""
    return next((name for name, pattern in _PATTERNS if pattern.search(text)), "")
