/** A workflow document, as the server takes it, and every edit of it as a pure function. */

import { readJson, type Json } from "./json";

export interface NodeData {
  readonly type: string;
  readonly values?: Readonly<Record<string, Json>>;
  readonly links?: Readonly<Record<string, string>>;
}
export type Point = readonly [number, number];
export interface View {
  readonly at?: Point;
  readonly title?: string;
  readonly note?: string;
}
export interface Document {
  readonly nodegraph: 1;
  readonly nodes: Readonly<Record<string, NodeData>>;
  readonly view?: Readonly<Record<string, View>>;
}
export interface End {
  readonly node: string;
  readonly socket: string;
}

export const EMPTY: Document = { nodegraph: 1, nodes: {} };

/** What a record holds itself: ids are free words, so `constructor` may be one. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

function without<T>(record: Readonly<Record<string, T>>, gone: (key: string, value: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => !gone(key, value)));
}

/** `node.output`: an id has no dot in it. */
export function sourceOf(link: string): End {
  const dot = link.indexOf(".");
  return { node: link.slice(0, dot), socket: link.slice(dot + 1) };
}

export function freshId(document: Document, type: string): string {
  const word = type.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9_]+/g, "_").toLowerCase() || "node";
  let id = word;
  for (let count = 2; Object.hasOwn(document.nodes, id); count++) id = `${word}_${count}`;
  return id;
}

export function addNode(document: Document, id: string, type: string, at: Point): Document {
  const placed = place(document, id, at);
  return { ...placed, nodes: { ...document.nodes, [id]: { type } } };
}

function place(document: Document, id: string, at: Point): Document {
  return { ...document, view: { ...document.view, [id]: { ...own(document.view, id), at } } };
}

export function moveNodes(document: Document, places: ReadonlyMap<string, Point>): Document {
  let moved = document;
  for (const [id, at] of places) {
    const old = own(document.view, id)?.at;
    if (Object.hasOwn(document.nodes, id) && (old?.[0] !== at[0] || old[1] !== at[1])) moved = place(moved, id, at);
  }
  return moved;
}

/** Without some nodes, and without the wires that came from them. */
export function removeNodes(document: Document, ids: ReadonlySet<string>): Document {
  const rest = Object.entries(document.nodes).filter(([id]) => !ids.has(id));
  if (rest.length === Object.keys(document.nodes).length) return document;
  const nodes = rest.map(([id, node]) => [id, cutFrom(node, ids)] as const);
  const view = document.view && without(document.view, (id) => ids.has(id));
  return { ...document, nodes: Object.fromEntries(nodes), ...(view && { view }) };
}

function cutFrom(node: NodeData, ids: ReadonlySet<string>): NodeData {
  const links = node.links ?? {};
  if (!Object.values(links).some((link) => ids.has(sourceOf(link).node))) return node;
  return { ...node, links: without(links, (_, link) => ids.has(sourceOf(link).node)) };
}

function change(document: Document, id: string, edit: (node: NodeData) => NodeData): Document {
  const node = own(document.nodes, id);
  return node ? { ...document, nodes: { ...document.nodes, [id]: edit(node) } } : document;
}

/** A wire into an input takes the place of what was there, literal or wire. */
export function connect(document: Document, from: End, to: End): Document {
  const link = `${from.node}.${from.socket}`;
  if (own(own(document.nodes, to.node)?.links, to.socket) === link) return document;
  return change(document, to.node, (node) => ({
    ...node,
    ...(node.values && { values: without(node.values, (name) => name === to.socket) }),
    links: { ...node.links, [to.socket]: link },
  }));
}

export function disconnect(document: Document, ends: readonly End[]): Document {
  return ends.reduce((before, to) => {
    if (own(own(before.nodes, to.node)?.links, to.socket) === undefined) return before;
    return change(before, to.node, (node) => ({ ...node, links: without(node.links ?? {}, (name) => name === to.socket) }));
  }, document);
}

export function setValue(document: Document, at: End, value: Json): Document {
  const values = own(document.nodes, at.node)?.values;
  if (own(values, at.socket) === value) return document;
  return change(document, at.node, (node) => ({ ...node, values: { ...node.values, [at.socket]: value } }));
}

/** Whether what `start` makes is used by `end`, directly or not; then a wire back would be a circle. */
export function leadsTo(document: Document, start: string, end: string): boolean {
  const seen = new Set<string>();
  const pending = [end];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (id === start) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const link of Object.values(own(document.nodes, id)?.links ?? {})) pending.push(sourceOf(link).node);
  }
  return false;
}

export class NotAWorkflow extends Error {}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The document in a text; NotAWorkflow says what is wrong. Literals may be anything: the server judges them. */
export function readDocument(text: string): Document {
  let data: unknown;
  try {
    data = readJson(text);
  } catch (error) {
    throw new NotAWorkflow(`This is not JSON: ${String(error)}`);
  }
  return asDocument(data);
}

export function asDocument(data: unknown): Document {
  if (!isRecord(data) || data.nodegraph !== 1 || !isRecord(data.nodes)) {
    throw new NotAWorkflow('This is not a workflow: expected {"nodegraph": 1, "nodes": {…}}.');
  }
  for (const [id, node] of Object.entries(data.nodes)) {
    const links = isRecord(node) ? (node.links ?? {}) : null;
    const sound = isRecord(node) && typeof node.type === "string" && isRecord(node.values ?? {}) && isRecord(links);
    if (!sound || id.includes(".") || !Object.values(links).every((link) => typeof link === "string" && link.includes("."))) {
      throw new NotAWorkflow(`The node “${id}” is not one: expected a type, values and links.`);
    }
  }
  if (data.view !== undefined && !isRecord(data.view)) throw new NotAWorkflow("The view is not an object.");
  return data as unknown as Document;
}
