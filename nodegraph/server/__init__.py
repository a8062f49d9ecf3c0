"""HTTP over the queue: the native API, ComfyUI's protocol, and what keeps both safe.

settings.py     what the server is told: command line, TOML file, limits
state.py        what requests work with: queue, workers, listeners, folders, the catalogue
app.py          the application and its life: start, drain, stop
guard.py        who may ask for what, and the headers of every answer
connections.py  what is no HTTP, and connections that say nothing
answers.py      errors as JSON, JSON bodies read strictly
routes.py       a route as data; the OpenAPI document
api/            the native API under /api/v1
live.py         events over a WebSocket
quota.py        how large a graph may be
files.py        assets and uploads; pictures.py decodes them, in a process of its own
static.py       the files of a front end
metrics.py      figures for Prometheus
comfyui/        ComfyUI's protocol over the same queue
"""
