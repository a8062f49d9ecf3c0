/** Keeping the work: every change in this browser at once, and on the server soon after. */

import { Refusal, listWorkflows, saveWorkflow } from "../api";
import { keep, type Desk, type Work } from "./local";
import { get, set, setSheet, sheetOf, subscribe, type Sheet } from "../store";

const LOCAL_MS = 200;
const SERVER_MS = 800;
const RETRY_MS = 3000;

const sending = new Set<string>();

/** Save an open workflow; `force` overrules what somebody else has saved meanwhile. */
export async function save(id: string, force = false): Promise<void> {
  const before = sheetOf(id);
  // What changes while it is sent is sent afterwards.
  if (!before || sending.has(id) || (before.saving === "conflict" && !force)) return;
  const { name, version, history } = before;
  sending.add(id);
  setSheet({ saving: "saving" }, id);
  try {
    const saved = await saveWorkflow(name, history.present, force ? null : version);
    const after = sheetOf(id);
    if (after?.name !== name) return;
    setSheet({ version: saved.version, saving: after.history.present === history.present ? "saved" : "edited" }, id);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (sheetOf(id)?.name !== name) return;
    if (error.status === 409) await settleConflict(name, id);
    else if (error.status === 422) giveUpName(name, id, error.message);
    else setSheet({ saving: "failed" }, id);
  } finally {
    sending.delete(id);
    const after = sheetOf(id);
    if (after && after.name !== name && after.saving === "saving") setSheet({ saving: "edited" }, id);
  }
}

/** A workflow that is new here takes a free name; one that was changed elsewhere is for people to decide. */
async function settleConflict(name: string, id: string): Promise<void> {
  if (sheetOf(id)?.version !== "") {
    setSheet({ saving: "conflict" }, id);
    return;
  }
  const taken = (await listWorkflows().catch(() => [])).map((each) => each.name);
  setSheet({ name: freeTitle(taken, name), saving: "edited" }, id);
}

/** A name that the server never takes would be tried for ever. */
function giveUpName(name: string, id: string, reason: string): void {
  const { sheets } = get();
  set({ notice: `“${name}” cannot be a name: ${reason}.` });
  setSheet({ name: freeTitle(sheets.map((each) => each.name), "untitled"), version: "", saving: "edited" }, id);
}

export function freeTitle(taken: readonly string[], name: string): string {
  let free = name;
  for (let count = 2; taken.includes(free); count++) free = `${name.replace(/ \d+$/, "")} ${count}`;
  return free;
}

/** Everything that has not been saved, tried once. */
export const saveAll = (): Promise<unknown> =>
  Promise.all(get().sheets.filter(({ saving }) => saving === "edited" || saving === "failed").map(({ id }) => save(id)));

/** At most so long after a call, `action` is done, once for all calls until then. */
function soon(action: () => void, wait: () => number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      action();
    }, wait());
  };
}

const workOf = ({ id, name, version, saving, history, run }: Sheet): Work => ({
  id, name, version, saved: saving === "saved", history, job: run.job,
});

/** Begin to keep the work of this window. */
export function keepTheWork(desk: string): void {
  let written = new Map<string, Sheet>();
  const write = () => {
    const { sheets, active } = get();
    const changed = sheets.filter((each) => !isKept(written.get(each.id), each));
    written = new Map(sheets.map((each) => [each.id, each]));
    const shown: Desk = { id: desk, works: sheets.map(({ id }) => id), active, at: Date.now() };
    keep(shown, changed.map(workOf)).catch((error: unknown) => {
      written = new Map();
      set({ notice: `This browser keeps no copy of the work: ${error instanceof Error ? error.message : "it refuses"}. The server still does.` });
    });
  };
  const local = soon(write, () => LOCAL_MS);
  const failing = () => get().sheets.some(({ saving }) => saving === "failed");
  const remote = soon(() => void saveAll().then(again), () => (failing() ? RETRY_MS : SERVER_MS));
  const again = () => {
    if (get().sheets.some(({ saving }) => saving === "edited" || saving === "failed")) remote();
  };
  let before = get();
  subscribe(() => {
    const now = get();
    if (now.sheets === before.sheets && now.active === before.active) return;
    before = now;
    local();
    again();
  });
  local();
  again();
  addEventListener("pagehide", write);
}

const isKept = (a: Sheet | undefined, b: Sheet): boolean =>
  a?.history === b.history && a.name === b.name && a.version === b.version && a.saving === b.saving && a.run.job === b.run.job;
