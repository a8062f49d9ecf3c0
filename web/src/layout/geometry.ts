/** How large things are and where sockets are, without asking the browser: all on one grid of 8. */

import { hasSocket, takesPicture, type Catalogue, type Description, type Input, type Output } from "../catalogue/catalogue";
import { linksOf, moveNodes, own, viewOf, type Document, type NodeData, type Point, type View } from "../document/document";
import { framesOf, notesOf, type Box } from "../document/scenery";

export const GRID = 8;
export const WIDTH = 224;
export const HEADER = 32;
const SOCKET = 24;
const WIDGET = 32;
const TALL = 88;
export const THUMB = 96;
/** So many items of a list are seen at once. */
const MOST_ITEMS = 6;
const PICTURE = 200;
const MESSAGE = 48;
const MARGIN = 8;

export interface Row {
  readonly input: Input | null;
  readonly output: Output | null;
  readonly top: number;
  readonly height: number;
  readonly kind: "socket" | "widget";
}
export interface Shape {
  readonly width: number;
  readonly height: number;
  readonly rows: readonly Row[];
  /** The height of the picture, if there is one. */
  readonly picture: number;
}
export interface Extras {
  readonly picture: boolean;
  readonly message: boolean;
}

export const snap = (value: number): number => Math.round(value / GRID) * GRID;

/** How high the row of a field is. */
function heightOf(input: Input, node: NodeData): number {
  const { widget } = input;
  if (widget?.kind === "multiline") return TALL;
  if (takesPicture(widget)) return WIDGET + THUMB;
  return widget?.kind === "many" ? WIDGET * (1 + itemsOf(node, input)) : WIDGET;
}

function itemsOf(node: NodeData, input: Input): number {
  const value = own(node.values, input.name) ?? input.default;
  return Array.isArray(value) ? Math.min(MOST_ITEMS, value.length) : 0;
}

/** How many items of lists a node shows: what its height depends on beside its wires. */
export function listed(description: Description | undefined, node: NodeData): number {
  const lists = description?.inputs.filter(({ widget }) => widget?.kind === "many") ?? [];
  return lists.reduce((sum, input) => sum + itemsOf(node, input), 0);
}

/** The inputs and outputs of a node in rows; inputs that are wired need no widget. */
export function shapeOf(description: Description | undefined, node: NodeData, view: View | undefined, extras: Extras): Shape {
  const width = Math.max(WIDTH, view?.size?.[0] ?? 0);
  const picture = extras.picture ? PICTURE - MARGIN : 0;
  const more = (extras.picture ? PICTURE : 0) + (extras.message ? MESSAGE : 0);
  if (!description) return { width, height: HEADER + MARGIN + SOCKET + more, rows: [], picture };
  if (view?.collapsed) return { width, height: HEADER, rows: [], picture: 0 };
  const wired = (input: Input) => input.widget === null || own(node.links, input.name) !== undefined;
  const sockets = description.inputs.filter(wired);
  const fields = description.inputs.filter((each) => !wired(each));
  const pairs = Math.max(sockets.length, description.outputs.length);
  const tall = fields.filter((field) => field.widget?.kind === "multiline").length;
  const natural = HEADER + MARGIN + pairs * SOCKET + fields.reduce((sum, field) => sum + heightOf(field, node), 0) + more;
  // What a node is taller than it must be is for the texts in it, or else for its picture.
  const spare = Math.max(0, snap(view?.size?.[1] ?? 0) - natural);
  const rows: Row[] = [];
  let top = HEADER + MARGIN / 2;
  const add = (input: Input | null, output: Output | null, kind: Row["kind"], height: number) => {
    rows.push({ input, output, top, height, kind });
    top += height;
  };
  for (let index = 0; index < pairs; index++) add(sockets[index] ?? null, description.outputs[index] ?? null, "socket", SOCKET);
  for (const input of fields) add(input, null, "widget", heightOf(input, node) + (input.widget?.kind === "multiline" ? spare / tall : 0));
  return { width, height: natural + spare, rows, picture: picture + (tall === 0 && extras.picture ? spare : 0) };
}

interface Handle {
  readonly id: string;
  readonly type: "source" | "target";
  readonly x: number;
  readonly y: number;
}

/** Where the sockets are, from the top left of the node; those of a collapsed node all in the middle of its sides. */
export function handlesOf(catalogue: Catalogue, description: Description | undefined, shape: Shape): readonly Handle[] {
  if (shape.rows.length === 0 && description) {
    const inputs = description.inputs.filter((input) => hasSocket(catalogue, input));
    const left = inputs.map(({ name }): Handle => ({ id: name, type: "target", x: 0, y: HEADER / 2 }));
    return [...left, ...description.outputs.map(({ name }): Handle => ({ id: name, type: "source", x: shape.width, y: HEADER / 2 }))];
  }
  return shape.rows.flatMap((row): Handle[] => {
    const y = row.top + (row.kind === "widget" ? WIDGET : row.height) / 2;
    const left: Handle[] = row.input && hasSocket(catalogue, row.input) ? [{ id: row.input.name, type: "target", x: 0, y }] : [];
    return row.output ? [...left, { id: row.output.name, type: "source", x: shape.width, y }] : left;
  });
}

const BARE: Extras = { picture: false, message: false };

export function boxOf(document: Document, catalogue: Catalogue, id: string, extras: Extras = BARE): Box {
  const node = own(document.nodes, id);
  const view = viewOf(document, id);
  const [x, y] = view?.at ?? [0, 0];
  const shape = node && shapeOf(own(catalogue.nodes, node.type), node, view, extras);
  return [x, y, x + (shape?.width ?? 0), y + (shape?.height ?? 0)];
}

export const boxAt = (item: { readonly at: Point; readonly size: Point }): Box => [
  item.at[0], item.at[1], item.at[0] + item.size[0], item.at[1] + item.size[1],
];

/** Places by depth: each node right of what it uses, and beneath its neighbours, in the order of its sources. */
export function tidy(document: Document, catalogue: Catalogue): ReadonlyMap<string, Point> {
  const depths = depthsOf(document);
  const columns: string[][] = [];
  for (const id of Object.keys(document.nodes)) (columns[depths.get(id) ?? 0] ??= []).push(id);
  const places = new Map<string, Point>();
  let left = 0;
  for (const ids of columns) {
    const wish = new Map(ids.map((id) => [id, wishOf(document, id, places)]));
    let top = 0;
    let width = 0;
    for (const id of ids.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0))) {
      const box = boxOf(document, catalogue, id, { ...BARE, picture: own(catalogue.nodes, own(document.nodes, id)?.type ?? "")?.effect ?? false });
      places.set(id, [left, top]);
      top += box[3] - box[1] + 4 * GRID;
      width = Math.max(width, box[2] - box[0]);
    }
    left += width + 8 * GRID;
  }
  return places;
}

/** Where a node would best stand: at the mean height of what it uses. */
function wishOf(document: Document, id: string, places: ReadonlyMap<string, Point>): number {
  const tops = linksOf(document, id).flatMap(([, from]) => places.get(from.node)?.[1] ?? []);
  return tops.length === 0 ? 0 : tops.reduce((sum, top) => sum + top, 0) / tops.length;
}

/** How many nodes in a row lead to each; a node in a circle counts as if the wire back were not there. */
function depthsOf(document: Document): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const open = new Set<string>();
  // By hand instead of by recursion, since a chain may be thousands of nodes long.
  const pending = Object.keys(document.nodes).reverse();
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (depths.has(id)) continue;
    const sources = linksOf(document, id).flatMap(([, from]) => (Object.hasOwn(document.nodes, from.node) ? [from.node] : []));
    const waiting = open.has(id) ? [] : sources.filter((source) => !depths.has(source) && !open.has(source));
    open.add(id);
    if (waiting.length > 0) {
      pending.push(id, ...waiting);
      continue;
    }
    depths.set(id, Math.max(-1, ...sources.map((source) => depths.get(source) ?? -1)) + 1);
    open.delete(id);
  }
  return depths;
}

/** A document in which every node has a place. */
export function placed(document: Document, catalogue: Catalogue): Document {
  if (Object.keys(document.nodes).every((id) => viewOf(document, id)?.at !== undefined)) return document;
  const places = tidy(document, catalogue);
  return moveNodes(document, new Map([...places].filter(([id]) => viewOf(document, id)?.at === undefined)));
}

/** The place nearest to a wished one where a new node would not lie right on top of another. */
export function freePlace(document: Document, catalogue: Catalogue, wished: Point): Point {
  const taken = Object.keys(document.nodes).map((id) => boxOf(document, catalogue, id));
  let [x, y] = wished;
  while (taken.some(([left, top]) => Math.abs(left - x) < 4 * GRID && Math.abs(top - y) < 4 * GRID)) [x, y] = [x + 4 * GRID, y + 4 * GRID];
  return [x, y];
}

/** Everything that has a place, by the id that React Flow knows it by. */
export function boxesOf(document: Document, catalogue: Catalogue): ReadonlyMap<string, Box> {
  const nodes = Object.keys(document.nodes).map((id): [string, Box] => [id, boxOf(document, catalogue, id)]);
  const frames = Object.entries(framesOf(document)).map(([id, frame]): [string, Box] => [`.frames/${id}`, boxAt(frame)]);
  const notes = Object.entries(notesOf(document)).map(([id, note]): [string, Box] => [`.notes/${id}`, boxAt(note)]);
  return new Map([...nodes, ...frames, ...notes]);
}
