"""The embedded XMPP server (contracts/agents.md section 1): clients of one domain, straight into this process."""

from pumpkin.adapters.xmppd.accounts import AccountStore, make_account, verifiers
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.local import LocalSession
from pumpkin.adapters.xmppd.server import XmppServer

__all__ = ["AccountStore", "Limits", "LocalSession", "XmppServer", "make_account", "verifiers"]
