/** What React Flow is given: made from the document, the same objects as long as nothing about them changes. */

import { Position, type Edge, type Node } from "@xyflow/react";

import type { Problem } from "./api";
import { colourOf, type Catalogue } from "./catalogue";
import { own, sourceOf, type Document } from "./document";
import { UNKNOWN, WIDTH, handlesOf, shapeOf } from "./geometry";
import type { RunState } from "./run";

const SOCKET = 12;

export interface Shown {
  readonly document: Document;
  readonly catalogue: Catalogue;
  readonly selected: ReadonlySet<string>;
  readonly wires: ReadonlySet<string>;
  readonly tall: ReadonlySet<string>;
  readonly noted: ReadonlySet<string>;
}

/** The nodes that show a picture, as text, so that it can be compared. */
export const picturesIn = (run: RunState, previews: Readonly<Record<string, string>>): string =>
  JSON.stringify([...new Set([...Object.keys(run.pictures), ...Object.keys(previews)])]);

/** The nodes that have something to say. */
export function messagesIn(run: RunState, problems: readonly Problem[]): string {
  const failed = Object.entries(run.nodes).flatMap(([id, node]) => (node.state === "failed" ? [id] : []));
  return JSON.stringify([...new Set([...failed, ...problems.flatMap((problem) => problem.node ?? [])])]);
}

export function makeFlow(): (shown: Shown) => { nodes: Node[]; edges: Edge[] } {
  let nodes = new Map<string, { key: readonly unknown[]; node: Node }>();
  let edges = new Map<string, { key: string; edge: Edge }>();
  return (shown) => {
    const nextNodes: typeof nodes = new Map();
    const nextEdges: typeof edges = new Map();
    for (const id of Object.keys(shown.document.nodes)) {
      const key = keyOf(shown, id);
      const old = nodes.get(id);
      const same = old?.key.every((part, index) => part === key[index]);
      nextNodes.set(id, old && same ? old : { key, node: flowNode(shown, id) });
    }
    for (const edge of flowEdges(shown)) {
      const key = JSON.stringify(edge);
      const old = edges.get(edge.id);
      nextEdges.set(edge.id, old?.key === key ? old : { key, edge });
    }
    nodes = nextNodes;
    edges = nextEdges;
    return { nodes: [...nodes.values()].map(({ node }) => node), edges: [...edges.values()].map(({ edge }) => edge) };
  };
}

function keyOf({ document, catalogue, selected, tall, noted }: Shown, id: string): readonly unknown[] {
  const node = own(document.nodes, id);
  const at = own(document.view, id)?.at;
  return [node?.type, node?.links, at?.[0], at?.[1], catalogue, selected.has(id), tall.has(id), noted.has(id)];
}

function flowNode({ document, catalogue, selected, tall, noted }: Shown, id: string): Node {
  const node = own(document.nodes, id);
  const description = node && own(catalogue.nodes, node.type);
  const extras = { picture: tall.has(id), message: noted.has(id) };
  const shape = node && description ? shapeOf(description, node, extras) : UNKNOWN;
  const [x, y] = own(document.view, id)?.at ?? [0, 0];
  const size = { width: WIDTH, height: shape.height };
  const handles = handlesOf(catalogue, shape).map((handle) => ({
    ...handle,
    x: handle.x - SOCKET / 2,
    y: handle.y - SOCKET / 2,
    width: SOCKET,
    height: SOCKET,
    position: handle.type === "target" ? Position.Left : Position.Right,
  }));
  return {
    id, type: "node", position: { x, y }, data: {}, selected: selected.has(id), ...size, measured: size, handles,
    ariaRole: "group",
  };
}

function flowEdges({ document, catalogue, wires }: Shown): Edge[] {
  return Object.entries(document.nodes).flatMap(([id, node]) =>
    Object.entries(node.links ?? {}).flatMap(([input, link]): Edge[] => {
      const source = sourceOf(link);
      const from = own(document.nodes, source.node);
      const output = from && own(catalogue.nodes, from.type)?.outputs.find((each) => each.name === source.socket);
      const known = own(catalogue.nodes, node.type)?.inputs.some((each) => each.name === input);
      if (!output || !known) return [];
      const edge = `${id}.${input}`;
      return [{
        id: edge, source: source.node, sourceHandle: source.socket, target: id, targetHandle: input,
        selected: wires.has(edge), reconnectable: "target", className: `type-${colourOf(catalogue, output.type)}`,
        ariaLabel: `${output.type}: ${link} to ${edge}`,
      }];
    }),
  );
}
