/** Lists of jobs: what is in them, in which order, and in which words they are told. */

import type { Job } from "../api";
import type { Artifact, JobState } from "./run";

export interface Groups {
  readonly running: readonly Job[];
  /** In the order in which they will run. */
  readonly waiting: readonly Job[];
  /** The last first. */
  readonly ended: readonly Job[];
}

export function grouped(jobs: readonly Job[]): Groups {
  const of = (states: readonly JobState[]) => jobs.filter(({ state }) => states.includes(state));
  return { running: of(["running"]), waiting: of(["queued"]), ended: of(["done", "failed", "cancelled", "crashed"]) };
}

export interface Listed {
  readonly jobs: readonly Job[];
  /** Whether there are older ones. */
  readonly more: boolean;
}

/** What the server says now, and after it the older jobs that are known already, unless there is a gap between them. */
export function merged(known: Listed | null, now: readonly Job[], whole: boolean): Listed {
  const last = now.at(-1);
  if (whole || !last) return { jobs: now, more: !whole };
  const at = last.ended === null ? -1 : (known?.jobs.findIndex(({ id }) => id === last.id) ?? -1);
  return known && at >= 0 ? { jobs: [...now, ...known.jobs.slice(at + 1)], more: known.more } : { jobs: now, more: true };
}

/** The next page of the history, behind what is known. */
export const extended = (known: Listed | null, page: readonly Job[], more: boolean): Listed => ({
  jobs: [...(known?.jobs ?? []), ...page.filter(({ id }) => !known?.jobs.some((each) => each.id === id))], more,
});

export type Step = "first" | "up" | "down";

/** The job that one has to stand before to be moved a step; null: it goes last, undefined: it is there already. */
export function stepBefore(waiting: readonly string[], id: string, step: Step): string | null | undefined {
  const at = waiting.indexOf(id);
  if (at < 0 || (step === "down" ? at === waiting.length - 1 : at === 0)) return undefined;
  if (step === "down") return waiting[at + 2] ?? null;
  return step === "up" ? waiting[at - 1] : waiting[0];
}

/** The same for one that is dropped on the upper or the lower half of another. */
export function dropBefore(waiting: readonly string[], id: string, onto: string, lower: boolean): string | null | undefined {
  const before = lower ? (waiting[waiting.indexOf(onto) + 1] ?? null) : onto;
  const isThere = before === id || (waiting[waiting.indexOf(id) + 1] ?? null) === before;
  return isThere || !waiting.includes(id) ? undefined : before;
}

export interface Shot {
  readonly picture: Artifact;
  readonly job: Job;
}

/** The pictures that jobs made, the newest first. */
export const shotsOf = (jobs: readonly Job[]): readonly Shot[] =>
  jobs.flatMap((job) => job.outputs.filter(isPicture).map((picture) => ({ picture, job })));

export const isPicture = ({ media_type }: Artifact): boolean => media_type.startsWith("image/");

/** Choose one more picture, or one less; of more than two the last two stay. */
export const chosenToo = (chosen: readonly string[], id: string): readonly string[] =>
  chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id].slice(-2);

const WORDS: Readonly<Record<JobState, string>> = {
  queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled", crashed: "Crashed",
};

export const wordOf = ({ state, cancelling }: Job): string => (state === "running" && cancelling ? "Stopping" : WORDS[state]);

/** A duration in words: “0.4 s”, “2 min 5 s”, “1 h 3 min”. */
export function took(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A time of day, with the day where it is another than today. */
export function when(at: number, now: Date): string {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}
