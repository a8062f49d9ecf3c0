/** How long a run will still take: from how fast the nodes go that run now, and how long the others took. */

import type { RunState } from "./run";

/** When each running node was first seen, in seconds, how far it was by then, and how far and when it was last seen. */
export interface Pace {
  readonly job: string | null;
  readonly nodes: Readonly<Record<string, { readonly since: number; readonly from: number; readonly at: number; readonly done: number }>>;
}

/** What was seen for less tells little: first steps are slower, or faster. */
const SOONEST = 1.5;

export const NO_PACE: Pace = { job: null, nodes: {} };

/** What is known of the pace once a run has been seen at a time. */
export function paced(pace: Pace, run: RunState, now: number): Pace {
  const known = pace.job === run.job ? pace.nodes : {};
  const nodes = Object.entries(run.nodes).flatMap(([id, node]) => {
    if (node.state !== "running") return [];
    const before = known[id];
    if (!before || node.done < before.from) return [[id, { since: now, from: node.done, at: now, done: node.done }] as const];
    return [[id, node.done === before.done ? before : { ...before, at: now, done: node.done }] as const];
  });
  return { job: run.job, nodes: Object.fromEntries(nodes) };
}

/** The seconds that are left; null while nothing tells. */
export function secondsLeft(pace: Pace, run: RunState): number | null {
  if (run.state !== "running" || pace.job !== run.job) return null;
  const running = Object.entries(run.nodes).flatMap(([id, node]) => {
    const seen = pace.nodes[id];
    if (node.state !== "running" || node.total === 0 || !seen || seen.done <= seen.from || seen.at - seen.since < SOONEST) return [];
    return [((seen.at - seen.since) / (seen.done - seen.from)) * Math.max(0, node.total - node.done)];
  });
  if (running.length === 0) return null;
  // The median, as one node that took long says nothing of the others.
  const finished = Object.values(run.nodes).flatMap((node) => (node.state === "finished" ? [node.seconds] : [])).sort((a, b) => a - b);
  const usual = finished[Math.floor((finished.length - 1) / 2)] ?? 0;
  const waiting = Math.max(0, run.total - Object.keys(run.nodes).length);
  return Math.max(...running) + waiting * usual;
}

const SHORTEST = 3;

/** In words so coarse that they do not flicker; null for what is over soon. */
export function leftInWords(seconds: number | null): string | null {
  if (seconds === null || seconds < SHORTEST) return null;
  if (seconds < 10) return `about ${Math.round(seconds)} s left`;
  if (seconds < 57.5) return `about ${Math.round(seconds / 5) * 5} s left`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 60 ? `about ${minutes} min left` : `about ${(seconds / 3600).toFixed(1)} h left`;
}
