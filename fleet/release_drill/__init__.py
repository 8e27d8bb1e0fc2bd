"""A drill of releases: three regions whose clusters really serve, good and bad digests, and what became of them.

The regions are local stacks, each with an embedded Kubernetes of its own; releases are `fleet release deploy`, as a
person runs it. What happened is read from the rollouts' journal, and besides from Kubernetes and by clients of its own.
"""
