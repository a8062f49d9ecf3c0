"""A typed node-graph engine: annotated functions are nodes, workflows are JSON, a run is a generator of events."""

from .cache import MemoryCache
from .catalogue import Catalogue, Description
from .document import Document, json_schema, read_document
from .errors import (
    BadInput,
    DeclarationError,
    InvalidGraph,
    MalformedDocument,
    MissingFile,
    NodeFailed,
    NodegraphError,
    NonFinite,
    OutOfMemory,
    PackError,
    Problem,
    UsageError,
)
from .events import (
    Artifact,
    Cancelled,
    Completed,
    Event,
    Failed,
    Finished,
    Planned,
    Progress,
    Progressed,
    Reused,
    Started,
    Steps,
)
from .execute import Result, Results, Run, execute, results_of
from .files import Folders
from .graph import Graph, Link, Node
from .listing import Listing
from .node import NodeType, Profile, node
from .peek import Peek
from .plan import Explanation, Plan, Step
from .registry import Registry
from .runtime import Runtime
from .sheet import contact_sheet
from .sockets import Input, Output
from .widgets import Choice, Color, File, Multiline, Range, SaveName, Seed, Text, Toggle

__all__ = [
    "Artifact",
    "BadInput",
    "Cancelled",
    "Catalogue",
    "Choice",
    "Color",
    "Completed",
    "DeclarationError",
    "Description",
    "Document",
    "Event",
    "Explanation",
    "Failed",
    "File",
    "Finished",
    "Folders",
    "Graph",
    "Input",
    "InvalidGraph",
    "Link",
    "Listing",
    "MalformedDocument",
    "MemoryCache",
    "MissingFile",
    "Multiline",
    "Node",
    "NodeFailed",
    "NodeType",
    "NodegraphError",
    "NonFinite",
    "OutOfMemory",
    "Output",
    "PackError",
    "Peek",
    "Plan",
    "Planned",
    "Problem",
    "Profile",
    "Progress",
    "Progressed",
    "Range",
    "Registry",
    "Result",
    "Results",
    "Reused",
    "Run",
    "Runtime",
    "SaveName",
    "Seed",
    "Started",
    "Step",
    "Steps",
    "Text",
    "Toggle",
    "UsageError",
    "contact_sheet",
    "execute",
    "json_schema",
    "node",
    "read_document",
    "results_of",
]
