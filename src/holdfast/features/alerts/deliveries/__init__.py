"""Deliveries: messages, what they hold, and what became of them."""
