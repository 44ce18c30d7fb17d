"""Second factors: TOTP, recovery codes, passkeys."""
