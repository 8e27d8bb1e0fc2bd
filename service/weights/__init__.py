"""Model weights on their way from a bucket to local disk, with every byte checked against a manifest."""
