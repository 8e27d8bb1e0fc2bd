"""The server's endpoints, by what they are about."""
