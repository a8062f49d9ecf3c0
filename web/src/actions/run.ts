/** Running workflows, and looking at what was run. */

import { Refusal, cancelJob, getJobWorkflow, submit, type Problem } from "../api";
import { remember } from "../running/names";
import { seedsTurned } from "../document/seeds";
import { chosenIn } from "../layout/flow";
import { allProblems } from "../running/problems";
import { follow } from "../running/run";
import { get, randomId, set, setSheet, sheet, sheetOf } from "../store";
import { edit, present, settle } from "./edit";
import { show, told } from "./files";

/** Run the workflow, or only what some of its nodes need. */
export async function run(targets: readonly string[] | null = null): Promise<void> {
  const { catalogue } = get();
  settle();
  if (catalogue) edit(seedsTurned(present(), catalogue));
  const { id, name, run: before } = sheet();
  setSheet({ problems: [] });
  set({ notice: null });
  // The id is ours, since the first events may come before the answer.
  const job = `canvas-${randomId()}`;
  setSheet({ run: follow(before, job, present()) });
  remember(job, name);
  try {
    await submit(present(), job, targets);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (sheetOf(id)?.run.job === job) setSheet({ run: before }, id);
    if (error.problems.length === 0) return told(() => Promise.reject(error));
    setSheet({ problems: error.problems }, id);
    const first = error.problems[0];
    if (first && sheet().id === id) goTo(first);
  }
}

/** Run what the selected nodes need, and no more. */
export async function runSelected(): Promise<void> {
  const nodes = [...chosenIn(sheet().selected).nodes];
  if (nodes.length > 0) await run(nodes);
}

export async function cancel(): Promise<void> {
  const { job } = sheet().run;
  if (job === null) return;
  await told(async () => {
    await cancelJob(job);
  });
}

export function goTo({ node, socket }: Pick<Problem, "node" | "socket">): void {
  if (node === null) return;
  set({ goal: { end: { node, socket: socket ?? "" }, count: (get().goal?.count ?? 0) + 1 } });
  setSheet({ selected: new Set([node]), wires: new Set() });
}

/** Go to the problem after the one where one has been; after the last, to the first. */
export function goToNextProblem(): void {
  const all = problemsToGoTo();
  const end = get().goal?.end;
  const at = all.findIndex(({ node, socket }) => end && node === end.node && (socket ?? "") === end.socket);
  const next = all[(at + 1) % all.length];
  if (next) goTo(next);
}

export const problemsToGoTo = (): readonly Problem[] => allProblems(sheet().problems, sheet().run).filter(({ node }) => node !== null);

/** Open the workflow of a job in a tab. */
export async function openJob(job: string, name: string): Promise<void> {
  await told(async () => show(name, "", await getJobWorkflow(job), true));
}
