"""Files out of databases and into them."""
