"""A small OpenID provider on a real socket, for tests. It can be told to misbehave."""

from oidc_provider.provider import Person, Provider, running

__all__ = ["Person", "Provider", "running"]
