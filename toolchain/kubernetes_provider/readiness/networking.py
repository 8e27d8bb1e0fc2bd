"""Readiness of what routes traffic: Services and Ingresses."""

from collections.abc import Mapping
from typing import Any

from toolchain.kubernetes_provider.api_client import ApiClient
from toolchain.kubernetes_provider.readiness.pods import last_warning, selected_pods, troubles
from toolchain.kubernetes_provider.readiness.verdict import READY, Verdict, waiting


async def assess_service(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """A LoadBalancer has its address; a Service with a selector has an endpoint that is ready.

    Headless Services and those without a selector promise no endpoints, an ExternalName has none.
    """
    spec = live["spec"]
    if spec.get("type") == "LoadBalancer" and not _addresses(live):
        why = await last_warning(client, live)
        return waiting(f"no load balancer address yet{f': {why}' if why else ''}")
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return READY
    namespace, name = live["metadata"]["namespace"], live["metadata"]["name"]
    slices = await client.get(
        f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
        labelSelector=f"kubernetes.io/service-name={name}",
    )
    endpoints = [each for part in slices.get("items") or () for each in part.get("endpoints") or ()]
    if spec.get("publishNotReadyAddresses") and endpoints:
        return READY
    if any((each.get("conditions") or {}).get("ready", True) for each in endpoints):
        return READY
    pods = await selected_pods(client, namespace, {"matchLabels": spec["selector"]})
    if not pods:
        return waiting("no pod matches its selector yet")
    trouble = await troubles(client, pods)
    return waiting(f"none of {len(pods)} pods is ready{f': {trouble}' if trouble else ''}")


async def assess_ingress(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """Its controller has published an address."""
    if _addresses(live):
        return READY
    why = await last_warning(client, live)
    return waiting(f"no address yet; is an ingress controller running?{f' {why}' if why else ''}")


def _addresses(live: Mapping[str, Any]) -> list[Any]:
    return ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
