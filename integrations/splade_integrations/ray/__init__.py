"""SPLADE on Ray Data: encode and store a dataset on every machine of a cluster.

Needs ``pip install 'splade-sdk[ray]'``.
"""

from splade_sdk.errors import MissingDependencyError

try:
    from splade_integrations.ray.index import index_dataset
except ModuleNotFoundError as error:
    raise MissingDependencyError.for_extra(str(error.name), "ray") from error

__all__ = ["index_dataset"]
