"""Keys of plain files that have a name: our own, in Vault, in a cloud's KMS."""
