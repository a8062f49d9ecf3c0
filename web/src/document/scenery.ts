/** What stands on the canvas beside the nodes and changes no result: frames, notes, dots on wires. */

import { orNone, own, setView, viewOf, without, type Document, type End, type Frame, type Note, type Point, type Views } from "./document";

type Kind = ".frames" | ".notes";
interface Items {
  readonly ".frames": Frame;
  readonly ".notes": Note;
}

export const framesOf = (document: Document): Readonly<Record<string, Frame>> => document.view?.[".frames"] ?? {};
export const notesOf = (document: Document): Readonly<Record<string, Note>> => document.view?.[".notes"] ?? {};

function itemsOf<K extends Kind>(document: Document, kind: K): Readonly<Record<string, Items[K]>> {
  return (document.view?.[kind] ?? {}) as Readonly<Record<string, Items[K]>>;
}

function withItems<K extends Kind>(document: Document, kind: K, items: Readonly<Record<string, Items[K]>>): Document {
  const view: Record<string, unknown> = { ...document.view };
  if (Object.keys(items).length > 0) view[kind] = items;
  else Reflect.deleteProperty(view, kind);
  return { ...document, view: view as Views };
}

export function addItem<K extends Kind>(document: Document, kind: K, id: string, item: Items[K]): Document {
  return withItems(document, kind, { ...itemsOf(document, kind), [id]: item });
}

/** An item with something else about it; `undefined` takes a part away. */
export function changeItem<K extends Kind>(
  document: Document, kind: K, id: string, change: { readonly [Part in keyof Items[K]]?: Items[K][Part] | undefined },
): Document {
  const item = own(itemsOf(document, kind), id);
  if (!item || Object.entries(change).every(([key, value]) => item[key as keyof typeof item] === value)) return document;
  const next = without({ ...item, ...change }, (_, value) => value === undefined) as unknown as Items[K];
  return withItems(document, kind, { ...itemsOf(document, kind), [id]: next });
}

export function removeItems(document: Document, kind: Kind, ids: ReadonlySet<string>): Document {
  const items = itemsOf(document, kind);
  if (!Object.keys(items).some((id) => ids.has(id))) return document;
  return withItems(document, kind, without(items, (id) => ids.has(id)));
}

export const dotsOf = (document: Document, to: End): readonly Point[] => own(viewOf(document, to.node)?.via, to.socket) ?? [];

export function setDots(document: Document, to: End, dots: readonly Point[]): Document {
  const via = viewOf(document, to.node)?.via ?? {};
  const others = without(via, (name) => name === to.socket);
  return setView(document, to.node, { via: orNone(dots.length > 0 ? { ...others, [to.socket]: dots } : others) });
}

/** A dot more, between the two points of the wire that it is nearest to; `path` is the wire's way, with its ends. */
export function addDot(document: Document, to: End, at: Point, path: readonly Point[]): Document {
  const detour = (index: number): number => {
    const [a, b] = [path[index] ?? at, path[index + 1] ?? at];
    return Math.hypot(a[0] - at[0], a[1] - at[1]) + Math.hypot(b[0] - at[0], b[1] - at[1]) - Math.hypot(a[0] - b[0], a[1] - b[1]);
  };
  const gaps = Array.from({ length: Math.max(1, path.length - 1) }, (_, index) => index);
  const best = gaps.reduce((least, index) => (detour(index) < detour(least) ? index : least), 0);
  return setDots(document, to, dotsOf(document, to).toSpliced(best, 0, at));
}

export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** The box around some boxes; null for none. */
export function around(boxes: readonly Box[]): Box | null {
  if (boxes.length === 0) return null;
  const side = (index: 0 | 1 | 2 | 3, pick: (...values: number[]) => number) => pick(...boxes.map((box) => box[index]));
  return [side(0, Math.min), side(1, Math.min), side(2, Math.max), side(3, Math.max)];
}

export const isWithin = (inner: Box, outer: Box): boolean =>
  inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3];
