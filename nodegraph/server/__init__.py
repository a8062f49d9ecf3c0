"""HTTP over the queue: the native API, ComfyUI's protocol, and what keeps both safe.

settings.py     what the server is told: command line, TOML file, limits
state.py        what requests work with: queue, workers, listeners, folders, the catalogue
app.py          the application and its life: start, drain, stop
guard.py        who may ask for what, and the headers of every answer
answers.py      errors as JSON, JSON bodies read strictly
routes.py       a route as data; the OpenAPI document
api/            the native API under /api/v1
live.py         events over a WebSocket
quota.py        how large a graph may be
pictures.py     uploads and thumbnails, in a process of their own
comfyui/        ComfyUI's protocol over the same queue
"""
