"""`initialize`, `login`, `shutdown`, `version`, `last_error`, `terminal_info`, `account_info`."""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import snapshots
from engine.terminal.api.conventions import CallFailed, Link, keywords, no_arguments
from engine.terminal.arguments import INVALID_COUNT, text
from engine.terminal.request import ArgumentRefused, integer, unsigned32, unsigned64

_VERSION = 500
_ORDINALS = ("1st", "2nd", "3rd")


class Connection:
    """The functions that make and describe the connection."""

    def __init__(self, link: Link) -> None:
        self._link = link
        server = link.terminal.server
        self._snapshots = snapshots.TerminalSnapshots(server.account, server.conditions)

    @keywords(failure=False)
    def initialize(self, args: tuple[object, ...], named: dict[str, object]) -> bool:
        """Connect to the terminal."""
        self._link.open = False
        path = _first(args, named, "path", limit=1)
        account = _credentials(named)
        profile = self._link.terminal.profile
        machine = profile.machine
        if path is not None and path != machine.path and not machine.any_path:
            raise CallFailed(
                mt5.RES_E_INTERNAL_FAIL_INIT,
                f"IPC initialize failed, Process create failed '{path}'",
            )
        if self._link.terminal.closed:
            raise CallFailed(
                mt5.RES_E_INTERNAL_FAIL_INIT, "IPC initialize failed, MetaTrader 5 x64 not found"
            )
        self._authorize(account)
        self._link.open = True
        self._link.terminal.reconnected()
        return True

    @keywords(failure=False)
    def login(self, args: tuple[object, ...], named: dict[str, object]) -> bool:
        """Log in to an account."""
        values = dict(named)
        if len(args) > len(_ORDINALS):
            raise ArgumentRefused(INVALID_COUNT)
        for ordinal, name, value in zip(
            _ORDINALS, ("login", "password", "server"), args, strict=False
        ):
            _check_positional(ordinal, name, value)
            values[name] = value
        if "login" not in values:
            raise ArgumentRefused('Invalid "login" argument')
        account = _credentials(values)
        self._link.server()
        self._authorize(account)
        return True

    def _authorize(self, given: dict[str, object]) -> None:
        account = self._link.terminal.profile.account
        wrong = (
            given.get("login", account.login) != account.login
            or (
                account.password is not None
                and given.get("password", account.password) != account.password
            )
            or given.get("server", account.server) != account.server
        )
        if wrong:
            raise CallFailed(mt5.RES_E_AUTH_FAILED)

    @no_arguments()
    def shutdown(self) -> bool:
        """Close the connection; always True."""
        self._link.open = False
        return True

    @no_arguments()
    def version(self) -> tuple[int, int, str]:
        """Version, build and build date of the terminal."""
        if not self._link.open:
            code = mt5.RES_E_INTERNAL_FAIL_CONNECT
            self._link.error = (code, CallFailed(code).text)
            return (0, 0, "")
        machine = self._link.terminal.profile.machine
        return (_VERSION, machine.build, machine.build_date)

    @no_arguments()
    def terminal_info(self) -> snapshots.Record:
        """The terminal's state."""
        self._link.server()
        return self._snapshots.terminal_info()

    @no_arguments()
    def account_info(self) -> snapshots.Record:
        """The account's state."""
        self._link.server()
        return self._snapshots.account_info()


def _first(
    args: tuple[object, ...], named: dict[str, object], name: str, *, limit: int
) -> object | None:
    if len(args) > limit:
        raise ArgumentRefused(INVALID_COUNT)
    if args:
        _check_positional("1st", name, args[0])
        return args[0]
    return text(name, named[name]) if name in named else None


def _check_positional(ordinal: str, name: str, value: object) -> None:
    """The same checks as by keyword, in the words for positions."""
    refused = f"Invalid {ordinal} unnamed argument"
    try:
        if name == "login":
            integer(name, value, unsigned64)
        else:
            text(name, value)
    except ArgumentRefused as error:
        raise ArgumentRefused(refused, error.pending) from None


def _credentials(named: dict[str, object]) -> dict[str, object]:
    """The checked `login`, `password`, `server` and `timeout`; unknown keywords are ignored."""
    if "login" in named:
        integer("login", named["login"], unsigned64)
    for name in ("password", "server"):
        if name in named:
            text(name, named[name])
    if "timeout" in named:
        integer("timeout", named["timeout"], unsigned32)
    return named
