/** The life of the canvas: start, listen to the server, keep the work. */

import { openSaved, openTemplate, told } from "../actions/files";
import { overhear } from "../actions/jobs";
import * as api from "../api";
import { placed } from "../layout/geometry";
import { record } from "../document/history";
import { recall as recallWork, type Work } from "./local";
import { follow, isLive, tell } from "../running/run";
import { keepTheWork } from "./saving";
import { get, newSheet, randomId, set, setSheet, sheetOf, subscribe, type Sheet } from "../store";
import { watchWindows } from "./windows";

const WINDOW = "nodegraph.window";

export async function start(): Promise<void> {
  await told(async () => {
    const [catalogue, files] = await Promise.all([whenReady(api.getCatalogue), api.getFiles()]);
    set({ catalogue, files, locked: false });
    const known = sessionStorage.getItem(WINDOW);
    const me = known ?? randomId();
    sessionStorage.setItem(WINDOW, me);
    await restore(me, known !== null);
    await openAddress();
    keepTheWork(me);
    subscribe(watchWindows(me));
    addEventListener("hashchange", () => void openAddress());
    api.listen({ opened: () => void opened(), lost: () => set({ connected: false }), told: heard, shown });
    await Promise.all(get().sheets.map(retell));
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

/** `#name` opens the saved workflow of that name, `?template=name` one that comes along. */
async function openAddress(): Promise<void> {
  const name = unescaped(location.hash.slice(1));
  const template = new URLSearchParams(location.search).get("template");
  if (name || template) history.replaceState(null, "", location.pathname);
  if (template) await openTemplate(template);
  if (name) await openSaved(name);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The work of last time; where all of it had been saved, as the server has it now. */
async function restore(desk: string, mine: boolean): Promise<void> {
  const { works, active } = await recallWork(desk);
  const sheets = await Promise.all(works.map((work) => asSheet(work, mine)));
  const [first] = sheets;
  if (first) {
    set({ sheets, active: sheets[works.findIndex((work) => work.id === active)]?.id ?? first.id });
    return;
  }
  const [template] = await api.listTemplates().catch(() => []);
  if (template) await openTemplate(template.name);
}

async function asSheet(work: Work, mine: boolean): Promise<Sheet> {
  const { name, version, saved, history, job } = work;
  const base = newSheet(name, version, history.present);
  const kept: Sheet = {
    ...base, id: mine ? work.id : base.id, history: { ...history, open: null }, saving: saved ? "saved" : "edited", run: { ...base.run, job },
  };
  const there = saved && version !== "" ? await api.readWorkflow(name).catch(() => null) : null;
  if (!there || there.version === version) return kept;
  const { catalogue } = get();
  return { ...kept, version: there.version, history: record(kept.history, catalogue ? placed(there.workflow, catalogue) : there.workflow) };
}

async function opened(): Promise<void> {
  set({ connected: true, beat: get().beat + 1 });
  await refreshQueue();
  await Promise.all(get().sheets.filter(({ run }) => isLive(run)).map(retell));
}

async function refreshQueue(): Promise<void> {
  const queue = await api.getQueue().catch(() => null);
  if (queue) set({ queue });
}

/** The last run of a workflow, told again from the start. */
async function retell({ id, run }: Sheet): Promise<void> {
  if (run.job === null) return;
  const { job } = run;
  const [events, workflow] = await Promise.all([
    api.getEvents(job).catch(() => []), run.workflow ?? api.getJobWorkflow(job).catch(() => null),
  ]);
  const told = tell(follow(run, job, workflow), events);
  const now = sheetOf(id)?.run;
  // While we asked, more may have been heard, or another run may have begun.
  if (now?.job === job && told.heard > now.heard) setSheet({ run: told }, id);
}

function heard(batch: api.Batch): void {
  if (batch.events.some((event) => event.event === "job")) {
    set({ beat: get().beat + 1 });
    void refreshQueue();
  }
  const mine = get().sheets.find(({ run }) => run.job === batch.job);
  if (!mine) return overhear(batch.job, batch.events);
  const run = tell(mine.run, batch.events);
  setSheet({ run }, mine.id);
  if (run.state === "done") void api.getFiles().then((files) => set({ files }), () => null);
}

function shown(job: string, node: string, picture: Blob): void {
  const mine = get().sheets.find(({ run }) => run.job === job);
  if (!mine) return;
  const old = mine.previews[node];
  if (old !== undefined) URL.revokeObjectURL(old);
  setSheet({ previews: { ...mine.previews, [node]: URL.createObjectURL(picture) } }, mine.id);
}

