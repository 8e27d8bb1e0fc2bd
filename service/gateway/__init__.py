"""The gateway: the only door to the model servers. TLS, keys, limits, and streams passed on as they come."""
