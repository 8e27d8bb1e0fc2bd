"""`pulumi-resource-kubernetes` for closed networks: the official plugin's resource types, by server-side apply.

The official plugin cannot be built from the Go module proxy, and downloading it needs a host that many networks
close. This one serves the unchanged `pulumi_kubernetes` SDK. It leans on the API server for everything that the
server knows better: defaults, validation, what is immutable (dry run), who owns which field (managed fields).
"""
