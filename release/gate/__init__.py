"""The health gate: small checks, each with a verdict and the numbers behind it."""
