/** Undo and redo: documents share what did not change, so a step costs little more than what it changed. */

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** The name of the transaction that is open; edits of the same name are one step. */
  readonly open: string | null;
}

const MOST = 5000;

export const begin = <T>(present: T): History<T> => ({ past: [], present, future: [], open: null });

export function record<T>(history: History<T>, next: T, transaction: string | null = null): History<T> {
  if (next === history.present) return history;
  if (transaction !== null && transaction === history.open) return { ...history, present: next, future: [] };
  return { past: [...history.past, history.present].slice(-MOST), present: next, future: [], open: transaction };
}

/** End the open transaction: what comes next is a step of its own. */
export const settle = <T>(history: History<T>): History<T> =>
  history.open === null ? history : { ...history, open: null };

export function undo<T>(history: History<T>): History<T> {
  const last = history.past.at(-1);
  if (last === undefined) return settle(history);
  return { past: history.past.slice(0, -1), present: last, future: [history.present, ...history.future], open: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return settle(history);
  return { past: [...history.past, history.present], present: next, future, open: null };
}
