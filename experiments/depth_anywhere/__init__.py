"""Depth Anywhere: a perspective teacher labels panoramas for four students."""
