"""Labels of whole data sets in shards: written once per sample, read in place of truth."""

from pano_data.label_store.dataset import PseudoLabelled
from pano_data.label_store.label import finish, label
from pano_data.label_store.maps import CachedMaps

__all__ = ["CachedMaps", "PseudoLabelled", "finish", "label"]
