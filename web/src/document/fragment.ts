/** A part of a workflow that is copied: nodes with the wires between them, frames and notes; itself a document. */

import { addItem, framesOf, notesOf } from "./scenery";
import { EMPTY, changeNode, freeName, linksOf, own, viewOf, without, type Document, type NodeData, type Point, type Views } from "./document";

/** What is selected on the canvas, by kind. */
export interface Chosen {
  readonly nodes: ReadonlySet<string>;
  readonly frames: ReadonlySet<string>;
  readonly notes: ReadonlySet<string>;
}

/** A sign in the view of a fragment, by which pasting tells it from a whole workflow. */
const MARK = ".part";
export const isFragment = (document: Document): boolean => document.view !== undefined && MARK in document.view;

/** The chosen part. Wires that come from outside stay written in it; whoever pastes decides about them. */
export function extract(document: Document, { nodes, frames, notes }: Chosen): Document {
  const pick = <T>(record: Readonly<Record<string, T>>, ids: ReadonlySet<string>) => without(record, (id) => !ids.has(id));
  const view: Record<string, unknown> = { ...pick(document.view ?? {}, nodes), [MARK]: {} };
  if (frames.size > 0) view[".frames"] = pick(framesOf(document), frames);
  if (notes.size > 0) view[".notes"] = pick(notesOf(document), notes);
  return { ...EMPTY, nodes: pick(document.nodes, nodes), view: view as Views };
}

/** A document with a fragment put into it, and the ids that its parts got; wires from nodes that are not there go. */
export function insert(document: Document, part: Document, by: Point, outside: boolean): { document: Document; chosen: Chosen } {
  const names = new Map<string, string>();
  const taken: Record<string, unknown> = { ...document.nodes };
  for (const id of Object.keys(part.nodes)) {
    const name = freeName(taken, id.replace(/_\d+$/, ""));
    taken[name] = true;
    names.set(id, name);
  }
  let next: Document = { ...document, nodes: { ...document.nodes }, view: { ...document.view } };
  for (const [id, name] of names) next = withNode(next, part, id, name, by, names, outside);
  const shifted = <T extends { at: Point }>(item: T): T => ({ ...item, at: plus(item.at, by) });
  const frames = Object.entries(framesOf(part)).map(([id, frame]) => ["frames", id, shifted(frame)] as const);
  const notes = Object.entries(notesOf(part)).map(([id, note]) => ["notes", id, shifted(note)] as const);
  const placed = { frames: new Set<string>(), notes: new Set<string>() };
  for (const [kind, id, item] of [...frames, ...notes]) {
    const name = freeName(kind === "frames" ? framesOf(next) : notesOf(next), id.replace(/_\d+$/, ""));
    next = addItem(next, `.${kind}`, name, item as never);
    placed[kind].add(name);
  }
  return { document: next, chosen: { nodes: new Set(names.values()), ...placed } };
}

const plus = (a: Point, b: Point): Point => [a[0] + b[0], a[1] + b[1]];

function withNode(
  document: Document, part: Document, id: string, name: string, by: Point, names: ReadonlyMap<string, string>, outside: boolean,
): Document {
  const links = linksOf(part, id).flatMap(([socket, from]): [string, string][] => {
    const inside = names.get(from.node);
    if (inside !== undefined) return [[socket, `${inside}.${from.socket}`]];
    return outside && Object.hasOwn(document.nodes, from.node) ? [[socket, `${from.node}.${from.socket}`]] : [];
  });
  const node = own(part.nodes, id);
  if (!node) return document;
  const rest = without(node as unknown as Record<string, unknown>, (key) => key === "links") as unknown as NodeData;
  const view = viewOf(part, id) ?? {};
  const via = view.via && Object.entries(view.via).map(([socket, dots]): [string, Point[]] => [socket, dots.map((dot) => plus(dot, by))]);
  const shown = { ...view, at: plus(view.at ?? [0, 0], by), ...(via && { via: Object.fromEntries(via) }) };
  return {
    ...document,
    nodes: { ...document.nodes, [name]: { ...rest, ...(links.length > 0 && { links: Object.fromEntries(links) }) } },
    view: { ...document.view, [name]: shown },
  };
}

/** The document with another id for a node; every wire from it follows. */
export function renameNode(document: Document, id: string, name: string): Document {
  if (id === name || name === "" || name.includes(".") || Object.hasOwn(document.nodes, name) || !Object.hasOwn(document.nodes, id)) return document;
  const swap = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key === id ? name : key, value]));
  let next: Document = { ...document, nodes: swap(document.nodes), ...(document.view && { view: swap(document.view) }) };
  for (const user of Object.keys(next.nodes)) {
    for (const [socket, from] of linksOf(next, user)) {
      if (from.node !== id) continue;
      next = changeNode(next, user, (node) => ({ ...node, links: { ...node.links, [socket]: `${name}.${from.socket}` } }));
    }
  }
  return next;
}

