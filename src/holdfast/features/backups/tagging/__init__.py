"""What a project's tags look like, and the rules that tag its snapshots by themselves."""
