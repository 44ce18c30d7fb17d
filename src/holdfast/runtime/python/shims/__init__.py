"""Put on the import path of a worker: what it finds under `workers`, `js` and `pyodide`."""
