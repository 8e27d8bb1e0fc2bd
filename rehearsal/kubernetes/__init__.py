"""A Kubernetes API that accepts and keeps objects, and runs nothing."""
