"""Opens the history's database: transactions that several processes can run at once, and its faults in plain words."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from assistant.history_faults import HistoryDamaged, HistoryFault, explain_fault, read_inode, set_aside
from assistant.history_tables import migrate, needs_migration

BUSY_SECONDS = 10.0
"""How long a writer waits for the others."""

_PAUSE_SECONDS = (0.001, 0.010)
# Readers wait for a moment only: while a log is recovered, or the tables are made.
_READ_SECONDS = 0.1
_WRITES = "ftchat_writes"
# FULL: a finished answer is on the disk even where the power goes. secure_delete: what is deleted is overwritten.
_PRAGMAS = ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON")

Result = TypeVar("Result")


class Database:
    """One SQLite file in WAL mode, opened when first needed; any thread may use it."""

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path, self._busy_seconds = path, busy_seconds
        self._engine: Engine | None = None
        self._inode = 0
        self._opening = threading.Lock()

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run a reader in one transaction: it sees one state of the database.

        Raises:
            HistoryFault: the database cannot be read.
        """
        with self._explained(), self._open().connect() as connection, connection.begin():
            return work(connection)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run a writer in one transaction: all of it is kept, or nothing.

        Raises:
            HistoryFault: the database cannot be written.
        """
        with self._explained():
            return _run_writer(self._open(), work)

    def shrink_log(self) -> None:
        """Empty the write-ahead log, so that nothing deleted stands in it."""
        with self._explained():
            _run_outside(self._open(), "PRAGMA wal_checkpoint(TRUNCATE)", self._busy_seconds)

    def close(self) -> None:
        """Close the connections; the database opens again when it is needed."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is None:
                _create_private(self._path)
                self._inode = read_inode(self._path)
                self._engine = self._make_ready(_make_engine(self._path, self._busy_seconds))
            return self._engine

    def _make_ready(self, engine: Engine) -> Engine:
        """Bring the tables up to date; the engine is let go where that fails."""
        try:
            with engine.connect() as connection, connection.begin():
                is_old = needs_migration(connection)
            if is_old:
                # The file remembers it. Not before it is known to be ours.
                _run_outside(engine, "PRAGMA journal_mode = WAL", self._busy_seconds)
                _run_writer(engine, migrate)
        except HistoryFault as fault:
            engine.dispose()
            raise HistoryFault(f"the history {self._path}: {fault}") from None
        except BaseException:
            engine.dispose()
            raise
        return engine

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn a database's error into one line, and set a damaged file aside."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            fault = _explain(self._path, error)
            if isinstance(fault, HistoryDamaged):
                self.close()
                fault = HistoryDamaged(set_aside(self._path, self._inode))
            raise fault from None


def _explain(path: Path, error: Exception) -> HistoryFault:
    if isinstance(error, OSError):
        return HistoryFault(f"the history {path}: {error.strerror}; name another file with FTCHAT_HISTORY")
    origin = error.orig if isinstance(error, DBAPIError) else error
    return explain_fault(str(path), origin or error)


def _run_writer(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        return work(connection)


def _run_outside(engine: Engine, statement: str, busy_seconds: float) -> None:
    """Run what must not stand in a transaction, which SQLAlchemy would begin."""
    with engine.connect() as connection:
        _run_patiently(_driver_of(connection), statement, busy_seconds)


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"the history is kept by SQLite, not by {type(driver).__name__}")
    return driver


def _run_patiently(driver: sqlite3.Connection, statement: str, busy_seconds: float) -> None:
    """Run a statement that takes a lock, again and again until it has it.

    SQLite's own wait sleeps longer the longer it has waited, so that where many write the one that waits longest
    starves; here every one that waits tries equally often.
    """
    end = time.monotonic() + busy_seconds
    while True:
        try:
            driver.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > end:
                raise
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311  no secret, only out of step with the others
        else:
            return


def _make_engine(path: Path, busy_seconds: float) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": min(busy_seconds, _READ_SECONDS)})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # Python's driver would begin a transaction at its own moments; "begin" below does it at ours.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes then fails at once where another wrote between; IMMEDIATE waits.
        if connection.get_execution_options().get(_WRITES):
            _run_patiently(_driver_of(connection), "BEGIN IMMEDIATE", busy_seconds)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _create_private(path: Path) -> None:
    """Create folder and file for the owner alone; SQLite gives its other files the rights of the first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
