/** What can be done with jobs and their pictures: order, end, repeat, look into. */

import * as api from "../api";
import { remember, nameOf } from "../running/names";
import { writeJson } from "../document/json";
import { IDLE, follow, isLive, tell, type Event } from "../running/run";
import { get, randomId, set } from "../store";
import { show, told } from "./files";
import { openJob } from "./run";

/** What is said of a job that no open workflow follows is kept while the job goes on. */
export function overhear(job: string, events: readonly Event[]): void {
  const { [job]: before, ...rest } = get().others;
  const run = tell(before ?? follow(IDLE, job), events);
  if (isLive(run)) set({ others: { ...rest, [job]: run } });
  else if (before) set({ others: rest });
}

/** Ask what a running job has said so far, where we came too late to hear it. */
export async function catchUp(job: string): Promise<void> {
  const { sheets, others } = get();
  if (sheets.some(({ run }) => run.job === job) || (others[job]?.total ?? 0) > 0) return;
  const events = await api.getEvents(job).catch(() => []);
  const run = tell(follow(IDLE, job), events);
  if (isLive(run)) set({ others: { ...get().others, [job]: run } });
}

/** What lists jobs asks again, also where the server says nothing of a change. */
const changed = () => set({ beat: get().beat + 1 });

const then = (action: () => Promise<unknown>): Promise<void> =>
  told(async () => {
    await action();
    changed();
  });

export const cancelJob = (id: string) => then(() => api.cancelJob(id));
export const moveJob = (id: string, before: string | null) => then(() => api.moveJob(id, before));
export const forgetJob = (id: string) => then(() => api.forgetJob(id));
export const cancelWaiting = () => then(api.clearQueue);

export const pauseQueue = (paused: boolean) =>
  told(async () => {
    set({ queue: await api.pauseQueue(paused) });
  });

export const rerunJob = (id: string) =>
  then(async () => {
    const as = `canvas-${randomId()}`;
    const name = nameOf(id);
    if (name !== null) remember(as, name);
    await api.rerunJob(id, as);
  });

/** What a job is called: by its workflow, or else by its number. */
export const jobName = ({ id, number }: Pick<api.Job, "id" | "number">): string => nameOf(id) ?? `Job ${number}`;

export const openWorkflowOf = (job: Pick<api.Job, "id" | "number">) => openJob(job.id, jobName(job));

/** Open the workflow that a picture carries, or else that of the job that made it. */
export const openPicture = (id: string) =>
  told(async () => {
    // What a refusal says could not be seen behind the picture.
    set({ compare: [] });
    const { name, job, workflow } = await api.getAsset(id);
    const title = (job === undefined ? null : nameOf(job)) ?? name.replace(/^.*\//, "").replace(/\.\w+$/, "");
    if (workflow) show(title, "", (await api.convert(writeJson(workflow))).workflow, true);
    else if (job !== undefined) show(title, "", await api.getJobWorkflow(job), true);
    else throw new api.Refusal(404, `“${name}” has no workflow in it.`);
  });

/** Look at a picture at large, or at two side by side. */
export const look = (...ids: readonly string[]) => set({ compare: ids });
