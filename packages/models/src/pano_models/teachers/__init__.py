"""Perspective depth models: a small one of ours, and any that transformers loads."""

from pano_models.teachers.depth_anything import load_depth_anything
from pano_models.teachers.hub import load_teacher
from pano_models.teachers.perspective_vit import PerspectiveViT
from pano_models.teachers.teacher import Teacher

__all__ = ["PerspectiveViT", "Teacher", "load_depth_anything", "load_teacher"]
