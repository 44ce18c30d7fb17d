"""`pyodide`: the little of it that published workers use."""
