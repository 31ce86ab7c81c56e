"""Panoramas of empty box rooms, with their exact distance, and a short training on them."""

import math

import torch

from pano_models.outputs import geometry_key

SIZE = (64, 128)


def box_rooms(count, generator):
    """Panoramas of empty box rooms seen from inside: RGB shaded by wall, and the exact distance."""
    lat = (0.5 - (torch.arange(SIZE[0]) + 0.5) / SIZE[0]) * math.pi
    lon = ((torch.arange(SIZE[1]) + 0.5) / SIZE[1] - 0.5) * 2 * math.pi
    lat, lon = torch.meshgrid(lat, lon, indexing="ij")
    rays = torch.stack([lat.cos() * lon.sin(), -lat.sin(), lat.cos() * lon.cos()])
    half = 1.5 + 2 * torch.rand(count, 3, 1, 1, generator=generator)
    offset = (torch.rand(count, 3, 1, 1, generator=generator) - 0.5) * half
    to_wall = (torch.where(rays > 0, half, -half) - offset) / rays
    distance, axis = to_wall.min(1, keepdim=True)
    shade = torch.tensor([0.3, 0.6, 0.9])[axis]
    rgb = shade.expand(-1, 3, -1, -1) * (1 - distance / 8).clamp(0, 1)
    return rgb.contiguous(), distance


def abs_rel(network, rgb, distance):
    with torch.no_grad():
        maps = network(rgb)
    predicted = maps[geometry_key(maps)]
    scale = distance.flatten(1).median(1).values / predicted.flatten(1).median(1).values
    return ((predicted * scale.view(-1, 1, 1, 1) - distance).abs() / distance).mean().item()


def train(network, generator, steps):
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    network.train()
    for _ in range(steps):
        rgb, distance = box_rooms(4, generator)
        maps = network(rgb)
        error = maps[geometry_key(maps)].log() - distance.log()
        loss = (error - error.flatten(1).median(1).values.detach().view(-1, 1, 1, 1)).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()
