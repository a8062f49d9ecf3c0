/** The life of the canvas: start, listen to the server, keep the work. */

import firstWorkflow from "../../workflows/text_to_image.json";
import { LAST_JOB, show, told } from "./actions";
import * as api from "./api";
import { asDocument, readDocument, type Document } from "./document";
import { readJson, writeJson } from "./json";
import { follow, isLive, tell } from "./run";
import { isSaving, save } from "./saving";
import { get, set, subscribe } from "./store";

const LOCAL = "nodegraph.work";
const LOCAL_MS = 200;
const SERVER_MS = 800;
const RETRY_MS = 3000;

export async function start(): Promise<void> {
  await told(async () => {
    const [catalogue, files] = await Promise.all([whenReady(api.getCatalogue), api.getFiles()]);
    set({ catalogue, files, locked: false });
    await restore();
    keepTheWork();
    api.listen({ opened: () => void opened(), lost: () => set({ connected: false }), told: heard, shown });
    await recall();
  });
}

/** The server answers before its worker has told the nodes. */
async function whenReady<T>(what: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await what();
    } catch (error) {
      if (!(error instanceof api.Refusal) || (error.status !== 503 && error.status !== 0)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

interface Work {
  readonly name: string;
  readonly version: string;
  readonly saved: boolean;
  readonly workflow: Document;
}

function lastWork(): Work | null {
  try {
    const work = readJson(localStorage.getItem(LOCAL) ?? "null") as Work | null;
    return work && { ...work, workflow: asDocument(work.workflow) };
  } catch {
    return null;
  }
}

/** The work of last time; where all of it had been saved, as the server has it now. */
async function restore(): Promise<void> {
  const work = lastWork();
  if (!work) {
    show("text_to_image", "", readDocument(JSON.stringify(firstWorkflow)));
    return;
  }
  show(work.name, work.version, work.workflow);
  if (!work.saved) {
    set({ saving: "edited" });
    return;
  }
  const there = work.version === "" ? null : await api.readWorkflow(work.name).catch(() => null);
  if (there && there.version !== work.version) show(there.name, there.version, there.workflow);
}

/** Write every change to this browser at once, and to the server soon after. */
function keepTheWork(): void {
  let local: ReturnType<typeof setTimeout> | undefined;
  let remote: ReturnType<typeof setTimeout> | undefined;
  let before = get();
  const keep = () => {
    const { name, version, saving, history } = get();
    localStorage.setItem(LOCAL, writeJson({ name, version, saved: saving === "saved", workflow: history.present }));
  };
  const later = () => {
    clearTimeout(remote);
    remote = setTimeout(() => (isSaving() ? later() : void save()), get().saving === "failed" ? RETRY_MS : SERVER_MS);
  };
  subscribe(() => {
    const now = get();
    const changed = now.history.present !== before.history.present || now.name !== before.name;
    const unsaved = now.saving !== before.saving && (now.saving === "edited" || now.saving === "failed");
    const other = now.version !== before.version || now.saving !== before.saving;
    before = now;
    if (changed || other) {
      clearTimeout(local);
      local = setTimeout(keep, LOCAL_MS);
    }
    if ((changed && now.saving === "edited") || unsaved) later();
  });
  if (get().saving === "edited") later();
  addEventListener("pagehide", keep);
}

async function opened(): Promise<void> {
  set({ connected: true });
  await refreshQueue();
  if (isLive(get().run)) await recall();
}

async function refreshQueue(): Promise<void> {
  const queue = await api.getQueue().catch(() => null);
  if (queue) set({ queue });
}

/** The run that this browser started last, told again from the start. */
async function recall(): Promise<void> {
  const [name, kept] = JSON.parse(localStorage.getItem(LAST_JOB) ?? "[]") as string[];
  const job = get().run.job ?? (name === get().name ? kept : undefined);
  if (job === undefined) return;
  const events = await api.getEvents(job).catch(() => []);
  if (events.length > 0) set({ run: tell(follow(get().run, job), events) });
}

function heard(batch: api.Batch): void {
  if (batch.events.some((event) => event.event === "job")) void refreshQueue();
  if (batch.job !== get().run.job) return;
  const run = tell(get().run, batch.events);
  set({ run });
  if (run.state === "done") void api.getFiles().then((files) => set({ files }), () => null);
}

function shown(job: string, node: string, picture: Blob): void {
  if (job !== get().run.job) return;
  const { previews } = get();
  const old = previews[node];
  if (old !== undefined) URL.revokeObjectURL(old);
  set({ previews: { ...previews, [node]: URL.createObjectURL(picture) } });
}
