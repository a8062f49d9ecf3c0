/** What is known of a run: a reducer over the server's events. */

import type { Document } from "../document/document";

export interface Artifact {
  readonly id: string;
  readonly node: string;
  readonly name: string;
  readonly kind: string;
  readonly media_type: string;
  /** In bytes. */
  readonly size?: number;
}
export interface Reason {
  readonly kind: string;
  readonly message: string;
  readonly node: string | null;
  readonly hint: string | null;
}
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "crashed";

export type Event =
  | { readonly event: "job"; readonly state: JobState; readonly reason?: Reason | null }
  | { readonly event: "planned"; readonly total: number; readonly pending: number; readonly reused: number }
  | { readonly event: "reused"; readonly node: string }
  | { readonly event: "started"; readonly node: string }
  | { readonly event: "progressed"; readonly node: string; readonly done: number; readonly total: number }
  | { readonly event: "finished"; readonly node: string; readonly seconds: number; readonly artifacts?: readonly Artifact[] }
  | { readonly event: "failed"; readonly node: string; readonly error: string; readonly hint?: string | null }
  | { readonly event: "cancelled"; readonly node?: string | null }
  | { readonly event: "completed"; readonly seconds: number; readonly ran: number; readonly reused: number };

export type NodeRun =
  | { readonly state: "running"; readonly done: number; readonly total: number }
  | { readonly state: "finished"; readonly seconds: number }
  | { readonly state: "reused" }
  | { readonly state: "cancelled" }
  | { readonly state: "failed"; readonly message: string; readonly hint: string | null };

export interface RunState {
  readonly job: string | null;
  /** What was run, as it was submitted; null if that is not known. */
  readonly workflow: Document | null;
  readonly state: JobState | "none";
  readonly total: number;
  readonly nodes: Readonly<Record<string, NodeRun>>;
  /** What a node has made, kept until it makes something else. */
  readonly pictures: Readonly<Record<string, readonly Artifact[]>>;
  readonly seconds: number | null;
  readonly reason: Reason | null;
  /** The number of the last event that is in it: what comes later by another way may be older. */
  readonly heard: number;
}

export const IDLE: RunState = {
  job: null, workflow: null, state: "none", total: 0, nodes: {}, pictures: {}, seconds: null, reason: null, heard: 0,
};

export const isLive = (run: RunState): boolean => run.state === "queued" || run.state === "running";

/** A new job takes the place of the one before; its pictures stay until there are new ones. */
export const follow = (run: RunState, job: string, workflow: Document | null = null): RunState => ({
  ...IDLE, job, state: "queued", pictures: run.pictures, workflow: workflow ?? (run.job === job ? run.workflow : null),
});

function note(run: RunState, node: string, what: NodeRun): RunState {
  return { ...run, nodes: { ...run.nodes, [node]: what } };
}

function finish(run: RunState, event: Extract<Event, { event: "finished" }>): RunState {
  const noted = note(run, event.node, { state: "finished", seconds: event.seconds });
  const shown = (event.artifacts ?? []).filter((artifact) => artifact.media_type.startsWith("image/"));
  return shown.length === 0 ? noted : { ...noted, pictures: { ...run.pictures, [event.node]: shown } };
}

function end(run: RunState, state: JobState, reason: Reason | null): RunState {
  const nodes = Object.entries(run.nodes).map(([id, node]): [string, NodeRun] => [
    id,
    node.state === "running" && state !== "running" && state !== "queued" ? { state: "cancelled" } : node,
  ]);
  return { ...run, state, reason, nodes: Object.fromEntries(nodes) };
}

export function step(run: RunState, event: Event): RunState {
  switch (event.event) {
    case "job":
      return end(run, event.state, event.reason ?? null);
    case "planned":
      return { ...run, total: event.total, nodes: {} };
    case "reused":
      return note(run, event.node, { state: "reused" });
    case "started":
      return note(run, event.node, { state: "running", done: 0, total: 0 });
    case "progressed":
      return note(run, event.node, { state: "running", done: event.done, total: event.total });
    case "finished":
      return finish(run, event);
    case "failed":
      return note(run, event.node, { state: "failed", message: event.error, hint: event.hint ?? null });
    case "cancelled":
      return event.node ? note(run, event.node, { state: "cancelled" }) : run;
    case "completed":
      return { ...run, seconds: event.seconds };
  }
}

const KNOWN: Readonly<Record<Event["event"], true>> = {
  job: true, planned: true, reused: true, started: true, progressed: true, finished: true, failed: true,
  cancelled: true, completed: true,
};

/** An event as it is told; those that the server keeps have numbers, which grow. */
export type Told = Event & { readonly number?: number };

/** All of them in order, each once; what a newer server may say more is left out. */
export const tell = (run: RunState, events: readonly Told[]): RunState =>
  events.reduce((before, event) => {
    const { number } = event;
    if (!Object.hasOwn(KNOWN, event.event) || (number !== undefined && number <= before.heard)) return before;
    const after = step(before, event);
    return number === undefined ? after : { ...after, heard: number };
  }, run);

/** How far a run is, 0 to 1: the steps that are over, and the part of the one that runs. */
export function progress(run: RunState): number {
  if (run.total === 0) return 0;
  const parts = Object.values(run.nodes).map((node) => {
    if (node.state === "running") return node.total > 0 ? node.done / node.total : 0;
    return node.state === "finished" || node.state === "reused" ? 1 : 0;
  });
  return parts.reduce<number>((sum, part) => sum + part, 0) / run.total;
}
