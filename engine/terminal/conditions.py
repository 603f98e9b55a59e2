"""What can be switched while a simulated terminal runs: the buttons of its user and of its
broker."""

from __future__ import annotations

from dataclasses import dataclass

from engine.terminal.profile import Profile


@dataclass
class Conditions:
    """The state of connection and permissions; tests, demos and fault plans change it."""

    connected: bool
    trade_allowed: bool
    tradeapi_disabled: bool
    account_trade_allowed: bool
    trade_expert: bool

    @classmethod
    def of(cls, profile: Profile) -> Conditions:
        """As the profile has them at the beginning."""
        machine, account = profile.machine, profile.account
        return cls(
            connected=machine.connected,
            trade_allowed=machine.trade_allowed,
            tradeapi_disabled=machine.tradeapi_disabled,
            account_trade_allowed=account.trade_allowed,
            trade_expert=account.trade_expert,
        )
