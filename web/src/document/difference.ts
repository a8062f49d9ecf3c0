/** What has changed between two documents, in words and by node. */

import type { Catalogue } from "../catalogue/catalogue";
import { own, viewOf, type Document, type NodeData, type Point, type View } from "./document";
import { writeJson, type Json } from "./json";
import { framesOf, notesOf } from "./scenery";

/** One thing about a node that has changed; null: there was nothing, or is nothing any more. */
export interface Line {
  readonly label: string;
  /** The input that it is about; "" where it is about none. */
  readonly socket: string;
  readonly old: string | null;
  readonly new: string | null;
}
export interface Entry {
  /** As React Flow knows it; "" for the workflow itself. */
  readonly id: string;
  readonly title: string;
  readonly kind: "added" | "removed" | "changed";
  readonly lines: readonly Line[];
}
export interface Difference {
  readonly entries: readonly Entry[];
  /** How many nodes stand somewhere else. */
  readonly moved: number;
  /** How many nodes, frames and notes have another size, colour and the like. */
  readonly restyled: number;
}

type Named = Pick<Catalogue, "nodes">;

/** What one has to do to `before` to have `after`. */
export function difference(before: Document, after: Document, catalogue: Named): Difference {
  const names = renamed(before, after);
  const entries: Entry[] = [];
  let [moved, restyled] = [0, 0];
  for (const [old, node] of Object.entries(before.nodes)) {
    const id = names.get(old) ?? old;
    const now = own(after.nodes, id);
    if (!now) entries.push({ id: old, title: titleOf(before, old, catalogue), kind: "removed", lines: [] });
    if (!now || (id === old && node === now && viewOf(before, id) === viewOf(after, id) && names.size === 0)) continue;
    const [was, is] = [viewOf(before, old) ?? {}, viewOf(after, id) ?? {}];
    const lines = [...about(old, id, node, now), ...inputs(node, now, names), ...seen(was, is)];
    if (lines.length > 0) entries.push({ id, title: titleOf(after, id, catalogue), kind: "changed", lines });
    if (!isSame(was.at, is.at)) moved++;
    if (LOOKS.some((part) => !isSame(was[part], is[part]))) restyled++;
  }
  const came = new Set(names.values());
  for (const id of Object.keys(after.nodes)) {
    if (own(before.nodes, id) || came.has(id)) continue;
    entries.push({ id, title: titleOf(after, id, catalogue), kind: "added", lines: [] });
  }
  const frames = items(framesOf(before), framesOf(after), ".frames/", "Title", ({ title }) => title);
  const notes = items(notesOf(before), notesOf(after), ".notes/", "Text", ({ text }) => text);
  const whole = ofWorkflow(before, after);
  return { entries: [...whole, ...entries, ...frames.entries, ...notes.entries], moved, restyled: restyled + frames.restyled + notes.restyled };
}

const LOOKS = ["size", "color", "collapsed", "via"] as const;

/** The key is in the same order in what was edited, and in what came from the server. */
const isSame = (a: unknown, b: unknown): boolean => a === b || writeJson(a ?? null) === writeJson(b ?? null);

function titleOf(document: Document, id: string, { nodes }: Named): string {
  const type = own(document.nodes, id)?.type ?? "";
  return viewOf(document, id)?.title ?? own(nodes, type)?.title ?? type;
}

/** A node of the same type in the same place under another id is the same node. */
function renamed(before: Document, after: Document): ReadonlyMap<string, string> {
  const key = (document: Document, id: string): string | null => {
    const at: Point | undefined = viewOf(document, id)?.at;
    return at ? `${at[0]} ${at[1]} ${own(document.nodes, id)?.type ?? ""}` : null;
  };
  const came = Object.keys(after.nodes).filter((id) => !own(before.nodes, id));
  const places = new Map(came.map((id) => [key(after, id), id]));
  places.delete(null);
  const pairs = Object.keys(before.nodes).flatMap((id): [string, string][] => {
    const now = own(after.nodes, id) ? undefined : places.get(key(before, id));
    return now === undefined || !places.delete(key(before, id)) ? [] : [[id, now]];
  });
  return new Map(pairs);
}

const MODES: Readonly<Record<string, string>> = { mute: "muted", bypass: "bypassed" };

function about(old: string, id: string, was: NodeData, is: NodeData): readonly Line[] {
  return [
    line("Id", old, id),
    line("Type", was.type, is.type),
    line("Mode", MODES[was.mode ?? ""] ?? "runs", MODES[is.mode ?? ""] ?? "runs"),
  ].flat();
}

const line = (label: string, was: string | null, is: string | null, socket = ""): readonly Line[] =>
  was === is ? [] : [{ label, socket, old: was, new: is }];

const shown = (value: Json): string => (typeof value === "string" ? value : writeJson(value));

function inputs(was: NodeData, is: NodeData, names: ReadonlyMap<string, string>): readonly Line[] {
  const of = ({ values, links }: NodeData, socket: string, translated: boolean): string | null => {
    const link = own(links, socket);
    const value = own(values, socket);
    if (link === undefined) return value === undefined ? null : shown(value);
    const dot = link.indexOf(".");
    const node = link.slice(0, dot);
    return `from ${translated ? (names.get(node) ?? node) : node}${link.slice(dot)}`;
  };
  const sockets = new Set([was, is].flatMap(({ values, links }) => [...Object.keys(values ?? {}), ...Object.keys(links ?? {})]));
  return [...sockets].flatMap((socket) => line(socket, of(was, socket, true), of(is, socket, false), socket));
}

function seen(was: View, is: View): readonly Line[] {
  const seeds = new Set([...Object.keys(was.seeds ?? {}), ...Object.keys(is.seeds ?? {})]);
  return [
    line("Title", was.title ?? null, is.title ?? null),
    line("Note", was.note ?? null, is.note ?? null),
    ...[...seeds].map((socket) => line(`${socket}, before each run`, own(was.seeds, socket) ?? "stays", own(is.seeds, socket) ?? "stays", socket)),
  ].flat();
}

/** What has changed of frames or of notes. */
function items<T extends object>(
  before: Readonly<Record<string, T>>, after: Readonly<Record<string, T>>, root: string, label: string, textOf: (item: T) => string,
): Pick<Difference, "entries" | "restyled"> {
  const kind = root === ".frames/" ? "Frame" : "Note";
  const titled = (item: T) => [kind, textOf(item).trim().split("\n", 1)[0]?.slice(0, 40)].filter(Boolean).join(": ");
  const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  let restyled = 0;
  const entries = ids.flatMap((id): Entry[] => {
    const [was, is] = [own(before, id), own(after, id)];
    const item = is ?? was;
    if (!item) return [];
    const entry = { id: root + id, title: titled(item) };
    if (!was || !is) return [{ ...entry, kind: is ? "added" : "removed", lines: [] }];
    const lines = line(label, textOf(was), textOf(is));
    if (lines.length > 0) return [{ ...entry, kind: "changed", lines }];
    if (!isSame(was, is)) restyled++;
    return [];
  });
  return { entries, restyled };
}

function ofWorkflow(before: Document, after: Document): readonly Entry[] {
  const [was, is] = [before.view?.[".about"] ?? {}, after.view?.[".about"] ?? {}];
  const lines = [...line("Title", was.title ?? null, is.title ?? null), ...line("About", was.text ?? null, is.text ?? null)];
  return lines.length > 0 ? [{ id: "", title: "Workflow", kind: "changed", lines }] : [];
}

const many = (count: number, one: string, more: string): string => (count === 1 ? `One ${one}` : `${count} ${more}`);

/** What is only summed up, in words. */
export function summary({ entries, moved, restyled }: Difference): readonly string[] {
  const all = [
    ...(moved > 0 ? [`${many(moved, "node", "nodes")} moved`] : []),
    ...(restyled > 0 ? [`${many(restyled, "thing looks", "things look")} different`] : []),
  ];
  return all.length === 0 && entries.length === 0 ? ["No difference"] : all;
}
