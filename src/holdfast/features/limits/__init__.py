"""Rate limits and quotas: how much each key, user, project and address may do, and what is left of it."""
