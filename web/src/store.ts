/** The state of the canvas: one frozen value, replaced by actions, watched by components. */

import { useSyncExternalStore } from "react";

import type { Problem, Queue, Saved } from "./api";
import type { Catalogue, Loose } from "./catalogue";
import { EMPTY, type Document, type End, type Point } from "./document";
import { begin, type History } from "./history";
import { IDLE, type RunState } from "./run";

export type Saving = "saved" | "edited" | "saving" | "conflict" | "failed";

/** The list of nodes to add, where it stands and what it was opened for. */
export interface Palette {
  readonly screen: Point;
  readonly at: Point;
  readonly wire: (Loose & End) | null;
}

export interface State {
  readonly catalogue: Catalogue | null;
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly name: string;
  /** The version on the server that ours came from; "" for none. */
  readonly version: string;
  readonly saving: Saving;
  readonly history: History<Document>;
  readonly selected: ReadonlySet<string>;
  readonly wires: ReadonlySet<string>;
  /** The wire that is being drawn. */
  readonly wire: (Loose & End) | null;
  readonly palette: Palette | null;
  readonly shelf: readonly Saved[] | null;
  readonly run: RunState;
  readonly previews: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
  readonly queue: Queue | null;
  readonly connected: boolean;
  readonly locked: boolean;
  readonly notice: string | null;
  /** Where to look; counted, so that going to the same place again is seen. */
  readonly goal: { readonly end: End; readonly count: number } | null;
}

const FIRST: State = {
  catalogue: null, files: {}, name: "untitled", version: "", saving: "saved", history: begin(EMPTY),
  selected: new Set(), wires: new Set(), wire: null, palette: null, shelf: null, run: IDLE, previews: {},
  problems: [], queue: null, connected: false, locked: false, notice: null, goal: null,
};

let state = FIRST;
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
