"""Panoramic depth networks: DA2, DAP, UniFuse, BiFuse++, HoHoNet, EGFormer, teachers and checkpoints."""
