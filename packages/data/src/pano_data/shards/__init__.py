"""Shards: samples packed into LitData chunks, written once by any number of processes."""

from pano_data.shards.samples import ShardDataset, finish, finish_if_whole, pack
from pano_data.shards.store import Store

__all__ = ["ShardDataset", "Store", "finish", "finish_if_whole", "pack"]
