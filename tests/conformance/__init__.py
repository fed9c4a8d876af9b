"""What every XMPP server for the fleet must do: the same tests against our own and against Prosody."""
