/** A workflow document, as the server takes it, and every edit of its nodes as a pure function. */

import type { Json } from "./json";

export type Mode = "mute" | "bypass";
export interface NodeData {
  readonly type: string;
  readonly mode?: Mode;
  readonly values?: Readonly<Record<string, Json>>;
  readonly links?: Readonly<Record<string, string>>;
}
export type Point = readonly [number, number];
export type SeedMode = "random" | "step";
/** How a node is shown. */
export interface View {
  readonly at?: Point;
  readonly size?: Point;
  readonly title?: string;
  readonly note?: string;
  readonly collapsed?: boolean;
  readonly color?: string;
  /** The dots that a wire into an input goes through. */
  readonly via?: Readonly<Record<string, readonly Point[]>>;
  /** What happens to a seed before each run; by default nothing. */
  readonly seeds?: Readonly<Record<string, SeedMode>>;
  /** What an input said before a wire took its place. */
  readonly kept?: Readonly<Record<string, Json>>;
}
export interface Frame {
  readonly title: string;
  readonly at: Point;
  readonly size: Point;
  readonly color?: string;
}
export interface Note {
  readonly text: string;
  readonly at: Point;
  readonly size: Point;
  readonly color?: string;
}
export interface About {
  readonly title?: string;
  readonly text?: string;
}
/** By node id; an id has no dot, so that what is not of a node has a name with one. */
export interface Views {
  readonly [id: string]: View | Readonly<Record<string, Frame | Note>> | About | undefined;
  readonly ".frames"?: Readonly<Record<string, Frame>>;
  readonly ".notes"?: Readonly<Record<string, Note>>;
  readonly ".about"?: About;
}
export interface Document {
  readonly nodegraph: 1;
  readonly nodes: Readonly<Record<string, NodeData>>;
  readonly view?: Views;
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

export function without<T>(record: Readonly<Record<string, T>>, gone: (key: string, value: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => !gone(key, value)));
}

export const viewOf = (document: Document, id: string): View | undefined => own(document.view, id);

/** The document with something else about how a node is shown; `undefined` takes a part away. */
export function setView(document: Document, id: string, change: { readonly [Part in keyof View]: View[Part] | undefined }): Document {
  if (!Object.hasOwn(document.nodes, id)) return document;
  const before: View = viewOf(document, id) ?? {};
  const keys = Object.keys(change) as (keyof View)[];
  if (keys.every((key) => before[key] === change[key])) return document;
  const view = without<unknown>({ ...before, ...change }, (_, value) => value === undefined);
  return { ...document, view: { ...document.view, [id]: view as View } };
}

/** `node.output`: an id has no dot in it. */
export function sourceOf(link: string): End {
  const dot = link.indexOf(".");
  return { node: link.slice(0, dot), socket: link.slice(dot + 1) };
}

export function freeName(taken: Readonly<Record<string, unknown>>, wanted: string): string {
  let id = wanted;
  for (let count = 2; Object.hasOwn(taken, id); count++) id = `${wanted}_${count}`;
  return id;
}

export function freshId(document: Document, type: string): string {
  const word = type.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9_]+/g, "_").toLowerCase() || "node";
  return freeName(document.nodes, word);
}

export function addNode(document: Document, id: string, type: string, at: Point, values: NodeData["values"] = {}): Document {
  const node = Object.keys(values).length > 0 ? { type, values } : { type };
  return setView({ ...document, nodes: { ...document.nodes, [id]: node } }, id, { at });
}

/** All at once, since a drag may move thousands. */
export function moveNodes(document: Document, places: ReadonlyMap<string, Point>): Document {
  const moved = [...places].filter(([id, at]) => {
    const old = viewOf(document, id)?.at;
    return Object.hasOwn(document.nodes, id) && (old?.[0] !== at[0] || old[1] !== at[1]);
  });
  if (moved.length === 0) return document;
  const views = moved.map(([id, at]) => [id, { ...viewOf(document, id), at }] as const);
  return { ...document, view: { ...document.view, ...Object.fromEntries(views) } };
}

/** Without some nodes, and without the wires that came from them. */
export function removeNodes(document: Document, ids: ReadonlySet<string>): Document {
  const rest = Object.keys(document.nodes).filter((id) => !ids.has(id));
  if (rest.length === Object.keys(document.nodes).length) return document;
  const cut = disconnect(document, rest.flatMap((id) => linksOf(document, id).filter(([, from]) => ids.has(from.node)).map(([socket]) => ({ node: id, socket }))));
  const view = cut.view && without(cut.view as Record<string, View>, (id) => ids.has(id));
  return { ...cut, nodes: without(cut.nodes, (id) => ids.has(id)), ...(view && { view }) };
}

export const linksOf = (document: Document, id: string): [string, End][] =>
  Object.entries(own(document.nodes, id)?.links ?? {}).map(([socket, link]) => [socket, sourceOf(link)]);

export function changeNode(document: Document, id: string, edit: (node: NodeData) => NodeData): Document {
  const node = own(document.nodes, id);
  return node ? { ...document, nodes: { ...document.nodes, [id]: edit(node) } } : document;
}

/** A wire into an input takes the place of what was there: a wire, or a literal, which is kept for later. */
export function connect(document: Document, from: End, to: End): Document {
  const link = `${from.node}.${from.socket}`;
  const node = own(document.nodes, to.node);
  if (!node || own(node.links, to.socket) === link) return document;
  const literal = own(node.values, to.socket);
  const wired = changeNode(withoutDots(document, to), to.node, ({ values, links, ...rest }) => ({
    ...rest,
    ...(values && { values: without(values, (name) => name === to.socket) }),
    links: { ...links, [to.socket]: link },
  }));
  if (literal === undefined) return wired;
  return setView(wired, to.node, { kept: { ...viewOf(wired, to.node)?.kept, [to.socket]: literal } });
}

/** Without some wires; the literals that they took the place of come back. */
export function disconnect(document: Document, ends: readonly End[]): Document {
  return ends.reduce((before, to) => {
    if (own(own(before.nodes, to.node)?.links, to.socket) === undefined) return before;
    const kept = viewOf(before, to.node)?.kept;
    const literal = own(kept, to.socket);
    const cut = changeNode(withoutDots(before, to), to.node, (node) => ({
      ...node,
      ...(literal !== undefined && { values: { ...node.values, [to.socket]: literal } }),
      links: without(node.links ?? {}, (name) => name === to.socket),
    }));
    return kept && literal !== undefined ? setView(cut, to.node, { kept: orNone(without(kept, (name) => name === to.socket)) }) : cut;
  }, document);
}

export const orNone = <T extends object>(record: T): T | undefined => (Object.keys(record).length > 0 ? record : undefined);

function withoutDots(document: Document, to: End): Document {
  const via = viewOf(document, to.node)?.via;
  if (own(via, to.socket) === undefined) return document;
  return setView(document, to.node, { via: orNone(without(via ?? {}, (name) => name === to.socket)) });
}

export function setValue(document: Document, at: End, value: Json): Document {
  const values = own(document.nodes, at.node)?.values;
  if (own(values, at.socket) === value) return document;
  return changeNode(document, at.node, (node) => ({ ...node, values: { ...node.values, [at.socket]: value } }));
}

/** Whether what `start` makes is used by `end`, directly or not; then a wire back would be a circle. */
export function leadsTo(document: Document, start: string, end: string): boolean {
  const seen = new Set<string>();
  const pending = [end];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (id === start) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const [, from] of linksOf(document, id)) pending.push(from.node);
  }
  return false;
}
