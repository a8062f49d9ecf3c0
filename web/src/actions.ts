/** What people do: each action replaces the state. */

import { Refusal, cancelJob, listWorkflows, readWorkflow, submit, type Problem } from "./api";
import { fitting, type Description } from "./catalogue";
import * as documents from "./document";
import { type Document, type End, type Point } from "./document";
import { GRID, WIDTH, placed, tidy } from "./geometry";
import { begin, record, redo as redone, settle as settled, undo as undone } from "./history";
import type { Json } from "./json";
import { IDLE, follow } from "./run";
import { leave } from "./saving";
import { get, set } from "./store";

/** Where this browser keeps the name of the workflow that ran last, and its job. */
export const LAST_JOB = "nodegraph.job";

export const present = (): Document => get().history.present;

/** Change the document; edits of the same transaction are one step of undo. */
export function edit(next: Document, transaction: string | null = null): void {
  const history = record(get().history, next, transaction);
  if (history !== get().history) set({ history, saving: get().saving === "conflict" ? "conflict" : "edited" });
}

export const settle = () => set({ history: settled(get().history) });

function travel(move: typeof undone<Document>): void {
  const history = move(get().history);
  if (history.present === present()) return set({ history });
  set({ history, saving: get().saving === "conflict" ? "conflict" : "edited", problems: [] });
}
export const undo = () => travel(undone);
export const redo = () => travel(redone);

/** A typed word is one step: the transaction has the number of words in its name. */
export function setValue(at: End, value: Json): void {
  const words = typeof value === "string" ? value.split(/\s+/).length : 0;
  const problems = get().problems.filter((each) => each.node !== at.node || each.socket !== at.socket);
  if (problems.length !== get().problems.length) set({ problems });
  edit(documents.setValue(present(), at, value), `value ${at.node}.${at.socket} ${words}`);
}

export function addNode(description: Description): void {
  const { palette, catalogue } = get();
  if (!palette || !catalogue) return;
  const id = documents.freshId(present(), description.name);
  const [x, y] = palette.at;
  const left = palette.wire?.side === "target" ? x - WIDTH : x;
  const at: Point = [Math.round(left / GRID) * GRID, Math.round(y / GRID) * GRID];
  let next = documents.addNode(present(), id, description.name, at);
  const socket = palette.wire && fitting(catalogue, description, palette.wire);
  if (palette.wire && socket !== null) {
    const mine = { node: id, socket };
    next = palette.wire.side === "source" ? documents.connect(next, palette.wire, mine) : documents.connect(next, mine, palette.wire);
  }
  edit(next);
  set({ palette: null, selected: new Set([id]) });
}

export function remove(nodes: ReadonlySet<string>, wires: readonly End[]): void {
  edit(documents.removeNodes(documents.disconnect(present(), wires), nodes));
  set({ selected: new Set(), wires: new Set() });
}

export function arrange(): void {
  const { catalogue } = get();
  if (catalogue) edit(documents.moveNodes(present(), tidy(present(), catalogue)));
}

/** Show another workflow, with a history of its own. */
export function show(name: string, version: string, document: Document): void {
  const { catalogue } = get();
  const history = begin(catalogue ? placed(document, catalogue) : document);
  Object.values(get().previews).forEach((url) => URL.revokeObjectURL(url));
  set({
    name, version, history, saving: "saved", selected: new Set(), wires: new Set(), problems: [], shelf: null,
    notice: null, run: IDLE, previews: {},
  });
}

/** Show a workflow from a text, as a new one that takes nobody's name. */
export async function importText(text: string, name: string): Promise<void> {
  await told(async () => {
    const document = documents.readDocument(text);
    await leave();
    show(name, "", document);
    set({ saving: "edited" });
  });
}

export async function startNew(): Promise<void> {
  await leave();
  show("untitled", "", documents.EMPTY);
}

export const rename = (name: string) => set({ name, version: "", saving: "edited" });

export async function openShelf(): Promise<void> {
  await told(async () => set({ shelf: await listWorkflows() }));
}

export async function openSaved(name: string): Promise<void> {
  await told(async () => {
    await leave();
    const found = await readWorkflow(name);
    show(found.name, found.version, found.workflow);
  });
}

/** Do something on the server; where it refuses, say so. */
export async function told(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof documents.NotAWorkflow)) throw error;
    const hint = error instanceof Refusal && error.hint ? ` (${error.hint})` : "";
    set({ notice: error.message + hint, ...(error instanceof Refusal && error.status === 401 && { locked: true }) });
  }
}

export async function run(): Promise<void> {
  settle();
  set({ problems: [], notice: null });
  const before = get().run;
  // The id is ours, since the first events may come before the answer.
  const id = `canvas-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-")}`;
  set({ run: follow(before, id) });
  try {
    await submit(present(), id);
    localStorage.setItem(LAST_JOB, JSON.stringify([get().name, id]));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (get().run.job === id) set({ run: before });
    if (error.problems.length === 0) return told(() => Promise.reject(error));
    set({ problems: error.problems });
    const first = error.problems[0];
    if (first) goTo(first);
  }
}

export async function cancel(): Promise<void> {
  const { job } = get().run;
  if (job === null) return;
  await told(async () => {
    await cancelJob(job);
  });
}

export function goTo({ node, socket }: Pick<Problem, "node" | "socket">): void {
  if (node === null) return;
  const goal = { end: { node, socket: socket ?? "" }, count: (get().goal?.count ?? 0) + 1 };
  set({ goal, selected: new Set([node]) });
}
