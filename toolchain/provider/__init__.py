"""What every resource plugin of ours shares: the Pulumi engine's gRPC protocol, seen from Python.

`interface` is what a plugin implements, `properties` translates between the wire and Python values, `server`
runs a plugin until the engine goes away. This file imports nothing, so that `properties` alone stays cheap.
"""
