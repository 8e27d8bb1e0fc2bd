"""The Pulumi program: everything that a region is made of."""
