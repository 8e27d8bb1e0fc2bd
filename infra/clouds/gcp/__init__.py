"""A region on Google Cloud: private GKE with GPU ladders, under keys of ours."""

from infra.clouds.gcp.region import GcpRegion

__all__ = ["GcpRegion"]
