/** The only file that touches the network: the native API, and its events. */

import type { Catalogue } from "./catalogue";
import { asDocument, type Document } from "./document";
import { readJson, writeJson } from "./json";
import type { Artifact, Event, JobState, Reason } from "./run";

export interface Problem {
  readonly node: string | null;
  readonly socket: string | null;
  readonly message: string;
  readonly pointer: string;
  readonly expected: string | null;
  readonly got: string | null;
  readonly hint: string | null;
}
export interface Job {
  readonly id: string;
  readonly number: number;
  readonly state: JobState;
  readonly reason: Reason | null;
  readonly outputs: readonly Artifact[];
}
export interface Queue {
  readonly queued: number;
  readonly running: number;
  readonly paused: boolean;
}
export interface Saved {
  readonly name: string;
  readonly version: string;
  readonly at: number;
}
export interface Batch {
  readonly job: string;
  readonly events: readonly (Event & { readonly number?: number })[];
}
export interface Listening {
  readonly opened: () => void;
  readonly lost: () => void;
  readonly told: (batch: Batch) => void;
  readonly shown: (job: string, node: string, picture: Blob) => void;
}

/** An answer that is a refusal; status 0 if there was none. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null = null,
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }
}

const ROOT = "/api/v1";

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const sent = body === undefined ? {} : { body: writeJson(body), headers: { "Content-Type": "application/json" } };
  let answer: Response;
  try {
    answer = await fetch(ROOT + path, { method, ...sent });
  } catch {
    throw new Refusal(0, "The server cannot be reached.");
  }
  const text = await answer.text();
  if (answer.ok) return readJson(text) as T;
  throw refusal(answer.status, text);
}

function refusal(status: number, text: string): Refusal {
  try {
    const fault = readJson(text) as { message: string; hint: string | null; problems?: readonly Problem[] };
    return new Refusal(status, fault.message, fault.hint, fault.problems);
  } catch {
    return new Refusal(status, `The server answered ${status}.`);
  }
}

export const getCatalogue = () => ask<Catalogue>("GET", "/catalogue");
export const getFiles = async () => (await ask<{ files: Record<string, readonly string[]> }>("GET", "/files")).files;
export const getQueue = () => ask<Queue>("GET", "/queue");
export const getJob = (id: string) => ask<Job>("GET", `/jobs/${encodeURIComponent(id)}`);
export const cancelJob = (id: string) => ask<Job>("POST", `/jobs/${encodeURIComponent(id)}/cancel`);
export const logIn = (token: string) => ask<unknown>("POST", "/session", { token });
export const assetUrl = (id: string) => `${ROOT}/assets/${encodeURIComponent(id)}`;

export const submit = (workflow: Document, id: string) =>
  ask<{ id: string; number: number }>("POST", "/jobs", { workflow, id, client: "canvas" });

/** Everything a job has said that is kept. */
export async function getEvents(id: string): Promise<Batch["events"]> {
  const events: Batch["events"][number][] = [];
  for (let after = 0; ; ) {
    const path = `/jobs/${encodeURIComponent(id)}/events?limit=1000&after=${after}`;
    const page = await ask<{ events: Batch["events"] }>("GET", path);
    events.push(...page.events);
    after = page.events.at(-1)?.number ?? 0;
    if (page.events.length < 1000) return events;
  }
}

const named = (name: string) => name.split("/").map(encodeURIComponent).join("/");

export const listWorkflows = async () =>
  (await ask<{ workflows: readonly Saved[] }>("GET", "/workflows")).workflows;

export async function readWorkflow(name: string): Promise<Saved & { workflow: Document }> {
  const found = await ask<Saved & { workflow: unknown }>("GET", `/workflows/${named(name)}`);
  return { ...found, workflow: asDocument(found.workflow) };
}

/** Save; with `version`, only if nobody has changed it since ("" for: only if there is none yet). */
export const saveWorkflow = (name: string, workflow: Document, version: string | null) =>
  ask<Saved>("PUT", `/workflows/${named(name)}`, version === null ? { workflow } : { workflow, version });

const SOONEST = 250;
const LATEST = 8000;

/** Listen for ever: when the connection is lost, again and again, and from the last number on. */
export function listen(to: Listening): void {
  let last: number | null = null;
  let wait = SOONEST;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const after = last === null ? "" : `?after=${last}`;
    const socket = new WebSocket(`${scheme}://${location.host}${ROOT}/events${after}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      wait = SOONEST;
      to.opened();
    };
    socket.onclose = () => {
      to.lost();
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(LATEST, wait * 2);
    };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data !== "string") {
        showPreview(data, to);
        return;
      }
      const batch = readJson(data) as Batch;
      last = batch.events.at(-1)?.number ?? last;
      to.told(batch);
    };
  };
  open();
}

/** A big-endian u32 length, so many bytes of JSON, and the picture. */
function showPreview(frame: ArrayBuffer, to: Listening): void {
  const length = new DataView(frame).getUint32(0);
  const head = readJson(new TextDecoder().decode(new Uint8Array(frame, 4, length))) as {
    job: string;
    node: string;
    media_type: string;
  };
  to.shown(head.job, head.node, new Blob([new Uint8Array(frame, 4 + length)], { type: head.media_type }));
}
