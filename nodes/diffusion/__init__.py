"""Latent diffusion in torch: networks, schedules, samplers and guidance.

A library on its own: it knows neither the engine nor the node functions.
"""
