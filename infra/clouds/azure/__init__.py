"""Azure as a region: AKS with everything around it, private and under keys of its own."""

from infra.clouds.azure.region import AzureRegion

__all__ = ["AzureRegion"]
