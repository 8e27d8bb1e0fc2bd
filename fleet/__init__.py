"""The `fleet` command: everything a platform engineer does with modelfleet, by hand or in CI."""
