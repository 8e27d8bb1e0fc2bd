"""One machine as a region: an embedded Kubernetes (or any that a kubeconfig names) with everything around it."""

from infra.clouds.local.region import LocalRegion

__all__ = ["LocalRegion"]
