/** How large a node is and where its sockets are, without asking the browser: all on one grid of 8. */

import { hasSocket, type Catalogue, type Description, type Input, type Output } from "./catalogue";
import { own, sourceOf, type Document, type NodeData, type Point } from "./document";

export const GRID = 8;
export const WIDTH = 208;
export const HEADER = 32;
const SOCKET = 24;
const WIDGET = 32;
const TALL = 88;
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
  readonly height: number;
  readonly rows: readonly Row[];
}
export interface Extras {
  readonly picture: boolean;
  readonly message: boolean;
}

/** The inputs and outputs of a node in rows; inputs that are wired need no widget. */
export function shapeOf(description: Description, node: NodeData, extras: Extras): Shape {
  const wired = (input: Input) => input.widget === null || own(node.links, input.name) !== undefined;
  const sockets = description.inputs.filter(wired);
  const rows: Row[] = [];
  let top = HEADER + MARGIN / 2;
  const add = (input: Input | null, output: Output | null, kind: Row["kind"], height: number) => {
    rows.push({ input, output, top, height, kind });
    top += height;
  };
  for (let index = 0; index < Math.max(sockets.length, description.outputs.length); index++) {
    add(sockets[index] ?? null, description.outputs[index] ?? null, "socket", SOCKET);
  }
  for (const input of description.inputs.filter((each) => !wired(each))) {
    add(input, null, "widget", input.widget?.kind === "multiline" ? TALL : WIDGET);
  }
  const more = (extras.picture ? PICTURE : 0) + (extras.message ? MESSAGE : 0);
  return { height: top + more + MARGIN / 2, rows };
}

/** Where the sockets are, from the top left of the node. */
export function handlesOf(catalogue: Catalogue, shape: Shape) {
  return shape.rows.flatMap((row) => {
    const y = row.top + (row.kind === "widget" ? WIDGET : row.height) / 2;
    const left = row.input && hasSocket(catalogue, row.input) ? [{ id: row.input.name, type: "target" as const, x: 0, y }] : [];
    const right = row.output ? [{ id: row.output.name, type: "source" as const, x: WIDTH, y }] : [];
    return [...left, ...right];
  });
}

/** The shape of a node of a type that nobody knows. */
export const UNKNOWN: Shape = { height: HEADER + MARGIN + SOCKET, rows: [] };

export function heightOf(catalogue: Catalogue, node: NodeData): number {
  const description = own(catalogue.nodes, node.type);
  return description ? shapeOf(description, node, { picture: false, message: false }).height : UNKNOWN.height;
}

/** Places by depth: each node right of what it uses, and beneath its neighbours. */
export function tidy(document: Document, catalogue: Catalogue): ReadonlyMap<string, Point> {
  const depths = depthsOf(document);
  const columns = new Map<number, number>();
  const places = new Map<string, Point>();
  for (const id of Object.keys(document.nodes).sort((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0))) {
    const depth = depths.get(id) ?? 0;
    const top = columns.get(depth) ?? 0;
    places.set(id, [depth * (WIDTH + 8 * GRID), top]);
    const node = own(document.nodes, id);
    columns.set(depth, top + (node ? heightOf(catalogue, node) : 0) + 4 * GRID);
  }
  return places;
}

function depthsOf(document: Document): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const visit = (id: string, above: ReadonlySet<string>): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const links = Object.values(own(document.nodes, id)?.links ?? {}).map((link) => sourceOf(link).node);
    const sources = links.filter((source) => Object.hasOwn(document.nodes, source) && !above.has(source));
    const depth = Math.max(0, ...sources.map((source) => visit(source, new Set([...above, id])) + 1));
    depths.set(id, depth);
    return depth;
  };
  for (const id of Object.keys(document.nodes)) visit(id, new Set());
  return depths;
}

/** A document in which every node has a place. */
export function placed(document: Document, catalogue: Catalogue): Document {
  const ids = Object.keys(document.nodes);
  if (ids.every((id) => own(document.view, id)?.at !== undefined)) return document;
  const places = tidy(document, catalogue);
  const view = ids.map((id) => [id, { ...own(document.view, id), at: places.get(id) }] as const);
  return { ...document, view: { ...document.view, ...Object.fromEntries(view) } };
}
