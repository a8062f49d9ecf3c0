"""Training on a CPU: pictures and captions, optimiser, resumable loop, and the models that are trained."""
