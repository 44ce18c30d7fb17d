"""Short access tokens that are signed, refresh tokens that rotate, and the keys behind them."""
