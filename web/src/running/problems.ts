/** Everything that is wrong with a workflow: what the check found, and where the last run failed. */

import type { Problem } from "../api";
import { own } from "../document/document";
import type { RunState } from "./run";

/** The failure of a run, as a problem of the node that failed; null if it has not failed. */
export function failureOf(run: RunState): Problem | null {
  if (run.state !== "failed" && run.state !== "crashed") return null;
  const node = run.reason?.node ?? Object.keys(run.nodes).find((id) => own(run.nodes, id)?.state === "failed") ?? null;
  const known = node === null ? undefined : own(run.nodes, node);
  const failed = known?.state === "failed" ? known : null;
  const message = failed?.message ?? run.reason?.message ?? "The run failed.";
  return { node, socket: null, message, pointer: "", expected: null, got: null, hint: failed?.hint ?? run.reason?.hint ?? null };
}

/** All of them, in order. */
export function allProblems(problems: readonly Problem[], run: RunState): readonly Problem[] {
  const failure = failureOf(run);
  return failure ? [...problems, failure] : problems;
}
