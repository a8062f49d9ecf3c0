/** The state of the canvas: one frozen value, replaced by actions, watched by components. */

import { useSyncExternalStore } from "react";

import type { Problem, Queue } from "./api";
import type { Catalogue, Loose } from "./catalogue/catalogue";
import { EMPTY, type Document, type End, type Point } from "./document/document";
import { begin, type History } from "./document/history";
import { IDLE, type RunState } from "./running/run";

export type Saving = "saved" | "edited" | "saving" | "conflict" | "failed";

/** A workflow that is open, in a tab of its own. */
export interface Sheet {
  /** Stays the same when the workflow is renamed. */
  readonly id: string;
  readonly name: string;
  /** The version on the server that ours came from; "" for none. */
  readonly version: string;
  readonly saving: Saving;
  readonly history: History<Document>;
  /** What is selected, by the ids of React Flow. */
  readonly selected: ReadonlySet<string>;
  readonly wires: ReadonlySet<string>;
  readonly run: RunState;
  readonly previews: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
  /** Where the canvas stood; null: show all of it. */
  readonly viewport: { readonly x: number; readonly y: number; readonly zoom: number } | null;
}

/** The list of nodes to add, where it stands and what it was opened for. */
export interface Palette {
  readonly screen: Point;
  readonly at: Point;
  /** The end of a wire that looks for another. */
  readonly wire: (Loose & End) | null;
  /** Whether sockets that are there already are offered too: for those who wire by keyboard. */
  readonly present: boolean;
  /** The input whose wire the new node is put into. */
  readonly into: End | null;
}

export type Panel = "queue" | "gallery" | "json" | "history";
export type Dialog = "open" | "save_as" | "templates" | "learn" | "shortcuts" | "find";
/** What a list of commands was opened on, and where. */
export interface Menu {
  readonly screen: Point;
  readonly at: Point;
  readonly on: "file" | "canvas" | "selection" | "wire";
}

export interface State {
  readonly catalogue: Catalogue | null;
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly sheets: readonly Sheet[];
  readonly active: string;
  /** The wire that is being drawn. */
  readonly wire: (Loose & End) | null;
  readonly palette: Palette | null;
  readonly menu: Menu | null;
  readonly panel: Panel | null;
  readonly dialog: Dialog | null;
  /** The node or frame whose title is being written. */
  readonly renaming: string | null;
  /** The pictures that are compared, by asset id; one alone is shown large. */
  readonly compare: readonly string[];
  readonly queue: Queue | null;
  /** Runs that no open workflow follows, while they go on. */
  readonly others: Readonly<Record<string, RunState>>;
  /** How often something was said of any job: what lists jobs asks again. */
  readonly beat: number;
  readonly connected: boolean;
  readonly locked: boolean;
  readonly notice: string | null;
  /** Names of workflows that are open in other windows. */
  readonly elsewhere: ReadonlySet<string>;
  /** From how far the canvas is seen: details are left out step by step. */
  readonly distance: "near" | "far" | "remote";
  /** Where to look; counted, so that going to the same place again is seen. */
  readonly goal: { readonly end: End; readonly count: number } | null;
}

/** A name that nobody else has; `crypto.randomUUID` is missing where a page came over plain HTTP. */
export const randomId = (): string => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

export function newSheet(name: string, version: string, document: Document): Sheet {
  return {
    id: randomId(), name, version, saving: "saved", history: begin(document), selected: new Set(), wires: new Set(),
    run: IDLE, previews: {}, problems: [], viewport: null,
  };
}

const EMPTY_SHEET = newSheet("untitled", "", EMPTY);

let state: State = {
  catalogue: null, files: {}, sheets: [EMPTY_SHEET], active: EMPTY_SHEET.id, wire: null, palette: null, menu: null, panel: null,
  dialog: null, renaming: null, compare: [], queue: null, others: {}, beat: 0, connected: false, locked: false, notice: null, elsewhere: new Set(), distance: "near",
  goal: null,
};
const listeners = new Set<() => void>();

export const get = (): State => state;

export function set(change: Partial<State>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A part of the state; the component is drawn again when that part is another. */
export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(subscribe, () => select(state));
}

const find = ({ sheets, active }: State): Sheet => sheets.find((each) => each.id === active) ?? EMPTY_SHEET;

/** The workflow that is being shown. */
export const sheet = (): Sheet => find(state);
export const sheetOf = (id: string): Sheet | undefined => state.sheets.find((each) => each.id === id);

/** A part of the workflow that is being shown. */
export function useSheet<T>(select: (sheet: Sheet) => T): T {
  return useSyncExternalStore(subscribe, () => select(find(state)));
}

/** Change an open workflow, by default the one that is being shown; nothing happens if it is no longer open. */
export function setSheet(change: Partial<Sheet>, id: string = state.active): void {
  set({ sheets: state.sheets.map((each) => (each.id === id ? { ...each, ...change } : each)) });
}
