"""The policy pack: what every stack must keep to, checked by the engine before a resource is made."""
