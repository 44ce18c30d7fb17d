"""Signing in at an OpenID provider: who may be asked, what their groups become, and the way there and back."""
