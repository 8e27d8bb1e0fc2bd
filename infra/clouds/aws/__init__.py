"""An AWS region: EKS with GPU node groups, and everything private around it."""

from infra.clouds.aws.region import AwsRegion

__all__ = ["AwsRegion"]
