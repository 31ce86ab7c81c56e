"""What a network said about each picture of a data set, in shards: written once, read by key.

For maps of any shape and kind, such as a teacher's views. Labels that a network trains on are
files with rows of a manifest: `pano_data.pseudo_labels`.
"""

from pano_data.label_store.label import finish, label
from pano_data.label_store.maps import CachedMaps

__all__ = ["CachedMaps", "finish", "label"]
