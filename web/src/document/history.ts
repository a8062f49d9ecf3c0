/** Undo and redo by patches, which are small, so that they can be kept across reloads. */

import { apply, diff, inverse, type Patch } from "./patch";

export interface History<T> {
  readonly past: readonly Patch[];
  readonly present: T;
  readonly future: readonly Patch[];
  /** The transaction that is open, and the value before it; edits of the same name are one step. */
  readonly open: { readonly name: string; readonly before: T } | null;
}

const MOST = 5000;

export const begin = <T>(present: T): History<T> => ({ past: [], present, future: [], open: null });

export function record<T>(history: History<T>, next: T, transaction: string | null = null): History<T> {
  if (next === history.present) return history;
  const joins = transaction !== null && transaction === history.open?.name;
  const before = joins ? history.open.before : history.present;
  const patch = diff(before, next);
  const past = joins ? history.past.slice(0, -1) : history.past;
  // What was changed and changed back is still a step, as the transaction may go on.
  return { past: [...past, patch].slice(-MOST), present: next, future: [], open: transaction === null ? null : { name: transaction, before } };
}

/** End the open transaction: what comes next is a step of its own. */
export function settle<T>(history: History<T>): History<T> {
  if (history.open === null) return history;
  const nothing = history.past.at(-1)?.length === 0;
  return { ...history, past: nothing ? history.past.slice(0, -1) : history.past, open: null };
}

export function undo<T>(history: History<T>): History<T> {
  const { past, present, future } = settle(history);
  const last = past.at(-1);
  if (last === undefined) return settle(history);
  return { past: past.slice(0, -1), present: apply(inverse(last), present), future: [last, ...future], open: null };
}

export function redo<T>(history: History<T>): History<T> {
  const { past, present, future } = settle(history);
  const [next, ...rest] = future;
  if (next === undefined) return settle(history);
  return { past: [...past, next], present: apply(next, present), future: rest, open: null };
}
