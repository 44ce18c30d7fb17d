"""People: accounts, invites, passwords, sessions, and the way back in."""
