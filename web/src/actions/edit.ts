/** Changes of the document: each is a step of undo. */

import { align, type Side } from "../document/align";
import { firstValues, fitting, type Description } from "../catalogue/catalogue";
import * as documents from "../document/document";
import { linksOf, own, viewOf, type Document, type End, type Mode, type NodeData, type Point, type SeedMode } from "../document/document";
import { focusNode } from "../layout/camera";
import { chosenIn, selectionOf, thingOf } from "../layout/flow";
import { renameNode } from "../document/fragment";
import { GRID, WIDTH, boxOf, boxesOf, freePlace, snap, tidy } from "../layout/geometry";
import { record, redo as redone, settle as settled, undo as undone } from "../document/history";
import type { Json } from "../document/json";
import * as scenery from "../document/scenery";
import { around, isWithin } from "../document/scenery";
import { get, set, setSheet, sheet } from "../store";
import { between } from "../document/wiring";

export const present = (): Document => sheet().history.present;

/** Change the document; edits of the same transaction are one step of undo. */
export function edit(next: Document, transaction: string | null = null): void {
  const { history, saving } = sheet();
  const recorded = record(history, next, transaction);
  if (recorded !== history) setSheet({ history: recorded, saving: saving === "conflict" ? "conflict" : "edited" });
}

export function settle(): void {
  const { history } = sheet();
  const ended = settled(history);
  if (ended !== history) setSheet({ history: ended });
}

function travel(move: typeof undone<Document>): void {
  const { history, saving, selected } = sheet();
  const moved = move(history);
  if (moved.present === history.present) return setSheet({ history: moved });
  const { catalogue } = get();
  const there = catalogue && boxesOf(moved.present, catalogue);
  setSheet({
    history: moved, saving: saving === "conflict" ? "conflict" : "edited", problems: [], wires: new Set(),
    selected: new Set([...selected].filter((id) => there?.has(id))),
  });
}
/** Put another version on the canvas, as one step of undo. */
export const restore = (version: Document) => travel((history) => record(settled(history), version));
export const undo = () => travel(undone);
export const redo = () => travel(redone);

/** A typed word is one step: the transaction has the number of words in its name. */
export function setValue(at: End, value: Json): void {
  const words = typeof value === "string" ? value.split(/\s+/).length : 0;
  const { problems } = sheet();
  const others = problems.filter((each) => each.node !== at.node || each.socket !== at.socket);
  if (others.length !== problems.length) setSheet({ problems: others });
  edit(documents.setValue(present(), at, value), `value ${at.node}.${at.socket} ${words}`);
}

/** Add what was chosen in the palette: wired to what it was opened for, or put into a wire. */
export function addNode(description: Description): void {
  const { palette, catalogue } = get();
  if (!palette || !catalogue) return;
  const id = documents.freshId(present(), description.name);
  const [x, y] = palette.at;
  const wished: Point = [snap(palette.wire?.side === "target" ? x - WIDTH : x), snap(y)];
  const at = freePlace(present(), catalogue, wished);
  let next = documents.addNode(present(), id, description.name, at, firstValues(description));
  const socket = palette.wire && fitting(catalogue, description, palette.wire);
  if (palette.wire && socket !== null) next = joined(next, palette.wire, { node: id, socket });
  if (palette.into) next = between(next, catalogue, id, palette.into) ?? next;
  edit(next);
  set({ palette: null });
  setSheet({ selected: new Set([id]), wires: new Set() });
  focusNode(id);
}

function joined(document: Document, wire: End & { readonly side: "source" | "target" }, mine: End): Document {
  return wire.side === "source" ? documents.connect(document, wire, mine) : documents.connect(document, mine, wire);
}

/** End the wire that the palette was opened for in a socket that is there. */
export function join(mine: End): void {
  const { palette } = get();
  if (!palette?.wire) return;
  edit(joined(present(), palette.wire, mine));
  set({ palette: null, goal: { end: mine, count: (get().goal?.count ?? 0) + 1 } });
}

/** Put a node into a wire; false if it does not fit there. */
export function putInto(id: string, into: End): boolean {
  const { catalogue } = get();
  const next = catalogue && between(present(), catalogue, id, into);
  if (!next) return false;
  edit(next);
  return true;
}

/** Remove what is selected: nodes, frames, notes, dots and wires. */
export function removeSelected(): void {
  const { selected, wires } = sheet();
  remove(selected, [...wires].map(documents.sourceOf));
}

export function remove(selected: ReadonlySet<string>, wires: readonly End[]): void {
  const chosen = chosenIn(selected);
  let next = documents.disconnect(present(), wires);
  for (const thing of [...selected].map(thingOf).filter((each) => each.kind === "dot").sort((a, b) => b.index - a.index)) {
    next = scenery.setDots(next, thing.to, scenery.dotsOf(next, thing.to).toSpliced(thing.index, 1));
  }
  next = scenery.removeItems(scenery.removeItems(next, ".frames", chosen.frames), ".notes", chosen.notes);
  edit(documents.removeNodes(next, chosen.nodes));
  setSheet({ selected: new Set(), wires: new Set() });
}

/** Move things to places; what lies within a frame goes with it. `carried` has that, found when the drag began. */
export function move(places: ReadonlyMap<string, Point>, carried: ReadonlyMap<string, ReadonlySet<string>> | null): void {
  const { catalogue } = get();
  if (!catalogue) return;
  const boxes = boxesOf(present(), catalogue);
  const all = new Map(places);
  for (const [frame, at] of places) {
    const box = boxes.get(frame);
    if (thingOf(frame).kind !== "frame" || !box) continue;
    for (const id of carried?.get(frame) ?? inside(frame)) {
      const other = boxes.get(id);
      if (other && !places.has(id)) all.set(id, [other[0] + at[0] - box[0], other[1] + at[1] - box[1]]);
    }
  }
  edit(placed(present(), all), "move");
}

/** What lies within a frame. */
export function inside(frame: string): ReadonlySet<string> {
  const { catalogue } = get();
  const boxes = catalogue ? boxesOf(present(), catalogue) : new Map<string, scenery.Box>();
  const outer = boxes.get(frame);
  return new Set([...boxes].flatMap(([id, box]) => (outer && id !== frame && isWithin(box, outer) ? [id] : [])));
}

function placed(document: Document, places: ReadonlyMap<string, Point>): Document {
  let next = documents.moveNodes(document, places);
  for (const [id, at] of places) {
    const thing = thingOf(id);
    if (thing.kind === "frame") next = scenery.changeItem(next, ".frames", thing.id, { at });
    if (thing.kind === "note") next = scenery.changeItem(next, ".notes", thing.id, { at });
    if (thing.kind === "dot") next = scenery.setDots(next, thing.to, scenery.dotsOf(next, thing.to).with(thing.index, at));
  }
  return next;
}

export function lineUp(side: Side): void {
  const { catalogue } = get();
  if (!catalogue) return;
  const { selected } = sheet();
  const boxes = new Map([...boxesOf(present(), catalogue)].filter(([id]) => selected.has(id)));
  const places = [...align(boxes, side)].map(([id, [x, y]]): [string, Point] => [id, [snap(x), snap(y)]]);
  settle();
  edit(placed(present(), new Map(places)));
}

export function arrange(): void {
  const { catalogue } = get();
  if (!catalogue) return;
  const nodes = tidy(present(), catalogue);
  // Dots that were set for the old places would only bend the wires.
  const bare = Object.keys(present().nodes).reduce((before, id) => documents.setView(before, id, { via: undefined }), present());
  edit(documents.moveNodes(bare, nodes));
}

const chosenNodes = (): readonly string[] => [...chosenIn(sheet().selected).nodes];

function forChosen(change: (document: Document, id: string) => Document): void {
  settle();
  edit(chosenNodes().reduce(change, present()));
}

function withMode({ type, values, links }: NodeData, mode: Mode | undefined): NodeData {
  return { type, ...(mode && { mode }), ...(values && { values }), ...(links && { links }) };
}

/** Switch the selected nodes to a mode, or back to running if they all have it. */
export function toggleMode(mode: Mode): void {
  const all = chosenNodes().every((id) => own(present().nodes, id)?.mode === mode);
  forChosen((document, id) => documents.changeNode(document, id, (node) => withMode(node, all ? undefined : mode)));
}

export function toggleCollapsed(ids: readonly string[] = chosenNodes()): void {
  const all = ids.every((id) => viewOf(present(), id)?.collapsed);
  settle();
  edit(ids.reduce((document, id) => documents.setView(document, id, { collapsed: all ? undefined : true }), present()));
}

export const setTitle = (id: string, title: string) => edit(documents.setView(present(), id, { title: title.trim() || undefined }));
/** Tint what is selected: nodes, frames and notes. */
export function setColor(color: string | undefined): void {
  const { nodes, frames, notes } = chosenIn(sheet().selected);
  settle();
  let next = [...nodes].reduce((document, id) => documents.setView(document, id, { color }), present());
  next = [...frames].reduce((document, id) => scenery.changeItem(document, ".frames", id, { color }), next);
  edit([...notes].reduce((document, id) => scenery.changeItem(document, ".notes", id, { color }), next));
}

export const resize = (id: string, at: Point, size: Point) => edit(documents.setView(present(), id, { at, size }), `size ${id}`);

export function setSeedMode(at: End, mode: SeedMode | undefined): void {
  const seeds = documents.without(viewOf(present(), at.node)?.seeds ?? {}, (name) => name === at.socket);
  edit(documents.setView(present(), at.node, { seeds: documents.orNone(mode ? { ...seeds, [at.socket]: mode } : seeds) }));
}

export function setId(id: string, name: string): void {
  const next = renameNode(present(), id, name);
  if (next === present()) return;
  edit(next);
  setSheet({ selected: new Set([name]) });
}

const FRAME_MARGIN = 3 * GRID;

/** A frame around what is selected, or an empty one. */
export function addFrame(at: Point): void {
  const { catalogue } = get();
  if (!catalogue) return;
  const { selected } = sheet();
  const boxes = [...boxesOf(present(), catalogue)].filter(([id]) => selected.has(id)).map(([, box]) => box);
  const box = around(boxes) ?? [at[0], at[1], at[0] + 3 * WIDTH, at[1] + 2 * WIDTH];
  const id = documents.freeName(scenery.framesOf(present()), "frame");
  const corner: Point = [box[0] - FRAME_MARGIN, box[1] - 2 * FRAME_MARGIN];
  const size: Point = [box[2] - box[0] + 2 * FRAME_MARGIN, box[3] - box[1] + 3 * FRAME_MARGIN];
  edit(scenery.addItem(present(), ".frames", id, { title: "Frame", at: corner, size }));
  setSheet({ selected: selectionOf({ nodes: new Set(), frames: new Set([id]), notes: new Set() }) });
}

export function addNote(at: Point): void {
  const id = documents.freeName(scenery.notesOf(present()), "note");
  edit(scenery.addItem(present(), ".notes", id, { text: "", at: [snap(at[0]), snap(at[1])], size: [WIDTH, 15 * GRID] }));
  setSheet({ selected: selectionOf({ nodes: new Set(), frames: new Set(), notes: new Set([id]) }) });
}

/** A dot on a wire, where it can be led round things. */
export function addDot(to: End, at: Point): void {
  const { catalogue } = get();
  const source = linksOf(present(), to.node).find(([socket]) => socket === to.socket)?.[1];
  if (!catalogue || !source) return;
  const [from, into] = [boxOf(present(), catalogue, source.node), boxOf(present(), catalogue, to.node)];
  const path: Point[] = [[from[2], from[1]], ...scenery.dotsOf(present(), to), [into[0], into[1]]];
  edit(scenery.addDot(present(), to, [snap(at[0]), snap(at[1])], path));
}
