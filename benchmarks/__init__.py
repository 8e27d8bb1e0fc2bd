"""Programs that print ratios against a peer or a limit, measured in the same run, and write JSON."""
