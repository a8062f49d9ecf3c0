/** What React Flow is given: made from the document, the same objects as long as nothing about them changes. */

import { Position, type Edge, type Node } from "@xyflow/react";

import type { Problem } from "../api";
import { colourOf, type Catalogue } from "../catalogue/catalogue";
import { own, sourceOf, viewOf, type Document, type End, type Point } from "../document/document";
import type { Chosen } from "../document/fragment";
import { handlesOf, listed, shapeOf } from "./geometry";
import type { RunState } from "../running/run";
import { dotsOf, framesOf, notesOf } from "../document/scenery";

const SOCKET = 12;
export const DOT = 16;
const BEHIND = -10;

export interface Shown {
  readonly document: Document;
  readonly catalogue: Catalogue;
  readonly selected: ReadonlySet<string>;
  readonly wires: ReadonlySet<string>;
  readonly tall: ReadonlySet<string>;
  readonly noted: ReadonlySet<string>;
}
export interface Flow {
  readonly nodes: Node[];
  readonly edges: Edge[];
}

/** What a thing on the canvas is, by the id that React Flow knows it by: a node's own, which has no dot in it. */
export type Thing =
  | { readonly kind: "node" | "frame" | "note"; readonly id: string }
  | { readonly kind: "dot"; readonly to: End; readonly index: number };

export function thingOf(flowId: string): Thing {
  const [, kind, rest] = /^\.(frames|notes|dots)\/(.*)$/s.exec(flowId) ?? [];
  if (rest === undefined) return { kind: "node", id: flowId };
  if (kind !== "dots") return { kind: kind === "frames" ? "frame" : "note", id: rest };
  const slash = rest.indexOf("/");
  return { kind: "dot", index: Number(rest.slice(0, slash)), to: sourceOf(rest.slice(slash + 1)) };
}

export const dotId = (to: End, index: number): string => `.dots/${index}/${to.node}.${to.socket}`;

export function chosenIn(selected: ReadonlySet<string>): Chosen {
  const things = [...selected].map(thingOf);
  const ids = (kind: "node" | "frame" | "note") => new Set(things.flatMap((thing) => (thing.kind === kind ? [thing.id] : [])));
  return { nodes: ids("node"), frames: ids("frame"), notes: ids("note") };
}

export function selectionOf({ nodes, frames, notes }: Chosen): ReadonlySet<string> {
  return new Set([...nodes, ...[...frames].map((id) => `.frames/${id}`), ...[...notes].map((id) => `.notes/${id}`)]);
}

/** The nodes that show a picture, as text, so that it can be compared. */
export const picturesIn = (run: RunState, previews: Readonly<Record<string, string>>): string =>
  JSON.stringify([...new Set([...Object.keys(run.pictures), ...Object.keys(previews)])]);

/** The nodes that have something to say. */
export function messagesIn(run: RunState, problems: readonly Problem[]): string {
  const failed = Object.entries(run.nodes).flatMap(([id, node]) => (node.state === "failed" ? [id] : []));
  return JSON.stringify([...new Set([...failed, ...problems.flatMap((problem) => problem.node ?? [])])]);
}

/** Keeps what was made for the same key. */
function keeper<T extends { id: string }>() {
  let kept = new Map<string, { readonly key: readonly unknown[]; readonly made: T }>();
  let list: T[] = [];
  return (wanted: readonly (readonly [id: string, key: readonly unknown[], make: () => T])[]): T[] => {
    const next: typeof kept = new Map();
    for (const [id, key, make] of wanted) {
      const old = kept.get(id);
      const same = old?.key.length === key.length && old.key.every((part, index) => part === key[index]);
      next.set(id, old && same ? old : { key, made: make() });
    }
    kept = next;
    const all = [...next.values()].map(({ made }) => made);
    if (all.length !== list.length || all.some((each, index) => each !== list[index])) list = all;
    return list;
  };
}

export function makeFlow(): (shown: Shown) => Flow {
  const keepNodes = keeper<Node>();
  const keepEdges = keeper<Edge>();
  return (shown) => {
    const { document, catalogue, selected, tall, noted } = shown;
    const nodes = Object.entries(document.nodes).map(([id, node]) => {
      const view = viewOf(document, id);
      const key = [node.type, node.links, view?.at, view?.size, view?.collapsed, listed(own(catalogue.nodes, node.type), node), catalogue, selected.has(id), tall.has(id), noted.has(id)];
      return [id, key, () => flowNode(shown, id)] as const;
    });
    const edges = wiresOf(shown);
    const dots = edges.flatMap(({ to, dots: places }) => places.map((at, index) => dotNode(shown, to, index, at)));
    return {
      nodes: keepNodes([...scenery(shown), ...nodes, ...dots]),
      edges: keepEdges(edges.map(({ key, edge }) => [key[0] as string, key, edge])),
    };
  };
}

type Wanted = readonly [id: string, key: readonly unknown[], make: () => Node];

function scenery({ document, selected }: Shown): Wanted[] {
  const frames = Object.entries(framesOf(document)).map(([id, item]) => ({ id: `.frames/${id}`, item, type: "frame", zIndex: BEHIND }));
  const notes = Object.entries(notesOf(document)).map(([id, item]) => ({ id: `.notes/${id}`, item, type: "note", zIndex: 0 }));
  return [...frames, ...notes].map(({ id, item: { at, size }, type, zIndex }): Wanted => [id, [at, size, selected.has(id)], () => {
    const measured = { width: size[0], height: size[1] };
    return { id, type, zIndex, position: { x: at[0], y: at[1] }, data: {}, selected: selected.has(id), ...measured, measured, handles: [] };
  }]);
}

function dotNode({ selected }: Shown, to: End, index: number, at: Point): Wanted {
  const id = dotId(to, index);
  const measured = { width: DOT, height: DOT };
  const position = { x: at[0] - DOT / 2, y: at[1] - DOT / 2 };
  return [id, [at, selected.has(id)], () => ({ id, type: "dot", position, data: {}, selected: selected.has(id), ...measured, measured, handles: [], ariaRole: "group" })];
}

function flowNode({ document, catalogue, selected, tall, noted }: Shown, id: string): Node {
  const node = own(document.nodes, id) ?? { type: "" };
  const description = own(catalogue.nodes, node.type);
  const shape = shapeOf(description, node, viewOf(document, id), { picture: tall.has(id), message: noted.has(id) });
  const [x, y] = viewOf(document, id)?.at ?? [0, 0];
  const size = { width: shape.width, height: shape.height };
  const handles = handlesOf(catalogue, description, shape).map((handle) => ({
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

interface Wire {
  readonly key: readonly unknown[];
  readonly edge: () => Edge;
  readonly to: End;
  readonly dots: readonly Point[];
}

function wiresOf({ document, catalogue, wires }: Shown): Wire[] {
  return Object.entries(document.nodes).flatMap(([id, node]) =>
    Object.entries(node.links ?? {}).flatMap(([input, link]): Wire[] => {
      const source = sourceOf(link);
      const from = own(document.nodes, source.node);
      const output = from && own(catalogue.nodes, from.type)?.outputs.find((each) => each.name === source.socket);
      const known = own(catalogue.nodes, node.type)?.inputs.some((each) => each.name === input);
      if (!output || !known) return [];
      const edge = `${id}.${input}`;
      const to = { node: id, socket: input };
      const dots = dotsOf(document, to);
      const idle = from.mode !== undefined || node.mode !== undefined;
      const selected = wires.has(edge);
      return [{ key: [edge, link, output.type, idle, selected, ...dots], to, dots, edge: () => ({
        id: edge, type: "wire", source: source.node, sourceHandle: source.socket, target: id, targetHandle: input,
        selected, reconnectable: "target", className: `type-${colourOf(catalogue, output.type)}${idle ? " idle" : ""}`,
        ariaLabel: `${output.type}: ${link} to ${edge}`, data: { dots },
      }) }];
    }),
  );
}
