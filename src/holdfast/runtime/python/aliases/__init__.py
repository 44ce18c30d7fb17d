"""Put at the end of the import path of a worker: names that its own modules may take."""
