/** A copy of the work in this browser, on disk when a write ends: neither a crash of the browser nor of the server takes it. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Document } from "../document/document";
import type { History } from "../document/history";

export interface Work {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Whether the server has all of it. */
  readonly saved: boolean;
  readonly history: Pick<History<Document>, "past" | "present" | "future">;
  readonly job: string | null;
}
/** What a window shows: ids of works. */
export interface Desk {
  readonly id: string;
  readonly works: readonly string[];
  readonly active: string;
  readonly at: number;
}
interface Schema extends DBSchema {
  works: { key: string; value: Work };
  desks: { key: string; value: Desk };
}

const OLDEST_MS = 30 * 24 * 3600 * 1000;
// A long story of a large workflow would make every write slow; the last steps are what people want back.
const MOST_STEPS = 500;

let opened: Promise<IDBPDatabase<Schema> | null> | null = null;

/** The database; null where the browser keeps none (private windows of some). */
function database(): Promise<IDBPDatabase<Schema> | null> {
  opened ??= openDB<Schema>("nodegraph", 1, {
    upgrade: (base) => {
      base.createObjectStore("works", { keyPath: "id" });
      base.createObjectStore("desks", { keyPath: "id" });
    },
  }).catch(() => null);
  return opened;
}

/** Write what a window shows, in one transaction: all of it is kept, or what was before. */
export async function keep(desk: Desk, works: readonly Work[]): Promise<void> {
  const base = await database();
  if (!base) return;
  const change = base.transaction(["works", "desks"], "readwrite", { durability: "strict" });
  const writes = works.map(({ history: { past, present, future }, ...work }) =>
    change.objectStore("works").put({ ...work, history: { past: past.slice(-MOST_STEPS), present, future: future.slice(0, MOST_STEPS) } }),
  );
  await Promise.all([...writes, change.objectStore("desks").put(desk), change.done]);
}

/** What this window showed last; of a new one: what the last of the others shows, and all that the server has not got. */
export async function recall(desk: string): Promise<{ works: readonly Work[]; active: string | null }> {
  const base = await database();
  if (!base) return { works: [], active: null };
  const [desks, works] = await Promise.all([base.getAll("desks"), base.getAll("works")]);
  const mine = desks.find((each) => each.id === desk);
  const latest = mine ?? desks.sort((a, b) => b.at - a.at)[0];
  const shown = (latest?.works ?? []).flatMap((id) => works.find((work) => work.id === id) ?? []);
  const unsaved = works.filter((work) => !work.saved && !shown.some((each) => each.name === work.name));
  await forget(base, desks, works);
  return { works: mine ? shown : [...shown, ...unsaved], active: latest?.active ?? null };
}

async function forget(base: IDBPDatabase<Schema>, desks: readonly Desk[], works: readonly Work[]): Promise<void> {
  const old = desks.filter((desk) => desk.at < Date.now() - OLDEST_MS);
  const shown = new Set(desks.filter((desk) => !old.includes(desk)).flatMap((desk) => desk.works));
  const loose = works.filter((work) => work.saved && !shown.has(work.id));
  await Promise.all([...old.map((desk) => base.delete("desks", desk.id)), ...loose.map((work) => base.delete("works", work.id))]);
}
