"""The machine and the operating system: disk, files, worker processes, native faults."""

from tools.diagnosis.signatures.signature import Signature

SYSTEM_SIGNATURES = (
    Signature(
        "disk_full",
        "disk_full",
        r"No space left on device|\[Errno 28\]|\[Errno 122\]|[Dd]isk quota exceeded|os error 28|os error 112"
        r"|not enough space on the disk|[Nn]ot enough (?:free )?disk space|database or disk is full",
        "The disk, or the quota on it, is full.",
        "certain",
    ),
    Signature(
        "write_cut_short",
        "disk_full",
        r"PytorchStreamWriter failed writing|inline_container\.cc.{0,80}unexpected pos|file write failed"
        r"|Unable to (?:synchronously )?(?:write|extend).{0,60}file",
        "A checkpoint could not be written to its end, most often because the disk is full.",
    ),
    Signature(
        "worker_exited",
        "out_of_memory_cpu",
        r"DataLoader worker \(pid.{0,60}(?:exited unexpectedly|is killed by signal: (?P<signal>[\w ]{1,30}))",
        "A data-loading worker was ended, most often because the machine's memory or its shared memory ran out.",
        "possible",
    ),
    Signature(
        "kernel_died",
        "out_of_memory_cpu",
        r"DeadKernelError|[Kk]ernel (?:appears to have )?died",
        "The notebook's kernel was ended, most often because the machine's memory ran out.",
        "possible",
    ),
    Signature(
        "too_many_files",
        "",
        r"Too many open files|received 0 items of ancdata",
        "The process has too many open files; raise the limit (ulimit -n) or use fewer workers.",
        "certain",
    ),
    Signature(
        "permission",
        "",
        r"PermissionError|Permission denied|Read-only file system|os error 13",
        "A file or folder may not be read or written.",
        "certain",
    ),
    Signature(
        "console_encoding",
        "",
        r"UnicodeEncodeError: '(?P<codec>[\w-]{1,20})' codec can't encode",
        "The console's encoding ({codec}) cannot show a character that was printed; set PYTHONIOENCODING=utf-8.",
        "certain",
    ),
    Signature(
        "database_locked",
        "",
        r"database is locked|disk I/O error",
        "A database file is in use by another process or lies on a disk that cannot lock it.",
        "certain",
    ),
    Signature(
        "recursion",
        "",
        r"RecursionError|maximum recursion depth exceeded",
        "Functions call each other without end.",
    ),
    Signature(
        "cannot_pickle",
        "",
        r"[Cc]an'?t pickle|cannot pickle '(?P<type>[\w.]{1,80})' object",
        "Something that cannot be copied to another process was handed to worker processes.",
        "certain",
    ),
)
