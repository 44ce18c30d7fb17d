"""One self-contained file: how bytes are packed and sealed as they stream by."""
