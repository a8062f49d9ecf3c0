/** Keeping the work on the server. */

import { Refusal, listWorkflows, saveWorkflow } from "./api";
import { get, set } from "./store";

let sending = false;

export const isSaving = (): boolean => sending;

/** Save what is on the canvas; `force` overrules what somebody else has saved meanwhile. */
export async function save(force = false): Promise<void> {
  const { name, version, history, saving } = get();
  // What changes while it is sent is sent afterwards.
  if (sending || (saving === "conflict" && !force)) return;
  sending = true;
  set({ saving: "saving" });
  try {
    const saved = await saveWorkflow(name, history.present, force ? null : version);
    if (get().name !== name) return;
    set({ version: saved.version, saving: get().history.present === history.present ? "saved" : "edited" });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (get().name !== name) return;
    if (error.status === 409) await settleConflict(name);
    else set({ saving: "failed" });
  } finally {
    sending = false;
  }
}

/** A workflow that is new here takes a free name; one that was changed elsewhere is for people to decide. */
async function settleConflict(name: string): Promise<void> {
  if (get().version !== "") {
    set({ saving: "conflict" });
    return;
  }
  const taken = new Set((await listWorkflows().catch(() => [])).map((each) => each.name));
  let free = name;
  for (let count = 2; taken.has(free); count++) free = `${name.replace(/ \d+$/, "")} ${count}`;
  set({ name: free, saving: "edited" });
}

/** Save what has not been saved before another workflow takes its place. */
export async function leave(): Promise<void> {
  if (get().saving === "edited") await save();
}
