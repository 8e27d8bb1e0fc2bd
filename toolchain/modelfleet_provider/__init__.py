"""`pulumi-resource-modelfleet`: what a cloud would provide, on one machine, as Pulumi resources.

One resource type a file; `provider` gives each its place in the engine's protocol.
"""
