/** The only file that touches the network: the native API, and its events. */

import type { Catalogue } from "./catalogue/catalogue";
import type { Document } from "./document/document";
import { readJson, writeJson } from "./document/json";
import { asDocument } from "./document/reading";
import type { Artifact, JobState, Reason, Told } from "./running/run";

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
  readonly client: string;
  readonly state: JobState;
  /** It was asked to end, and still runs. */
  readonly cancelling: boolean;
  readonly reason: Reason | null;
  /** Seconds since 1970. */
  readonly created_at: number;
  readonly ended_at: number | null;
  /** Its place in the history: the later, the larger. */
  readonly ended: number | null;
  readonly seconds: number | null;
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
  readonly events: readonly Told[];
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

/** Ask the server; a body is sent as JSON, or as it is where it is a file. */
async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const isFile = body instanceof Blob;
  const type = isFile ? body.type || "application/octet-stream" : "application/json";
  const sent = body === undefined ? {} : { body: isFile ? body : writeJson(body), headers: { "Content-Type": type } };
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
/** The jobs that run, those that wait, and those that have ended, the last first; `before` goes on in the history. */
export const listJobs = async (limit: number, before?: number) =>
  (await ask<{ jobs: readonly Job[] }>("GET", `/jobs?limit=${limit}${before === undefined ? "" : `&before=${before}`}`)).jobs;
/** Put a waiting job before another; without one, last. */
export const moveJob = (id: string, before: string | null) => ask<Job>("POST", `/jobs/${encodeURIComponent(id)}/move`, before === null ? {} : { before });
export const forgetJob = (id: string) => ask<unknown>("DELETE", `/jobs/${encodeURIComponent(id)}`);
/** Run what a job ran once more, as it was sent. */
export const rerunJob = async (id: string, as: string) =>
  ask<unknown>("POST", "/jobs", { workflow: await ask<unknown>("GET", `/jobs/${encodeURIComponent(id)}/workflow`), id: as, client: "canvas" });
export const pauseQueue = (paused: boolean) => ask<Queue>("POST", paused ? "/queue/pause" : "/queue/resume", {});
export const clearQueue = () => ask<unknown>("POST", "/queue/clear", {});
/** What is known of a picture: the workflow in it, and the job that made it, where there is one. */
export const getAsset = (id: string) =>
  ask<{ name: string; job?: string; workflow: unknown }>("GET", `/assets/${encodeURIComponent(id)}/metadata`);
export const thumbnailUrl = (id: string, size: number) => `${ROOT}/assets/${encodeURIComponent(id)}/thumbnail?size=${size}`;
/** Send a file that nodes can read, by the name that comes back. */
export const sendFile = (file: Blob, name: string) => ask<{ name: string }>("POST", `/assets?name=${encodeURIComponent(name)}`, file);
export const inputThumbnail = (name: string, size: number) => `${ROOT}/files/input/${named(name)}/thumbnail?size=${size}`;
export const logIn = (token: string) => ask<unknown>("POST", "/session", { token });
export const assetUrl = (id: string) => `${ROOT}/assets/${encodeURIComponent(id)}`;

/** Queue a workflow, whole or only what some nodes need. */
export const submit = (workflow: Document, id: string, targets: readonly string[] | null = null) =>
  ask<{ id: string; number: number }>("POST", "/jobs", { workflow, id, client: "canvas", ...(targets && { targets }) });

export const getJobWorkflow = async (id: string) =>
  (await convert(writeJson(await ask<unknown>("GET", `/jobs/${encodeURIComponent(id)}/workflow`)))).workflow;

/** Any workflow, ours or of ComfyUI, as text or in a picture, as one of ours. */
export async function convert(file: Blob | string): Promise<{ workflow: Document; problems: readonly Problem[] }> {
  const body = typeof file === "string" ? { workflow: parsed(file) } : file;
  const { workflow, problems } = await ask<{ workflow: unknown; problems: readonly Problem[] }>("POST", "/convert", body);
  return { workflow: asDocument(workflow), problems };
}

function parsed(text: string): unknown {
  try {
    return readJson(text);
  } catch (error) {
    throw new Refusal(0, `This is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

/** What an output of a job gave. */
export interface Result {
  readonly type: string;
  readonly facts: readonly (readonly [name: string, text: string])[];
  readonly curve: readonly number[] | null;
  readonly picture: string | null;
}
export const getResult = (job: string, node: string, output: string) =>
  ask<Result>("GET", `/jobs/${[job, "results", node, output].map(encodeURIComponent).join("/")}`);

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

export interface Template {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly picture: boolean;
}

/** The workflows that come along. */
export const listTemplates = async () => (await ask<{ templates: readonly Template[] }>("GET", "/templates")).templates;

export async function readTemplate(name: string): Promise<{ workflow: Document }> {
  const { workflow } = await ask<{ workflow: unknown }>("GET", `/templates/${named(name)}`);
  return { workflow: asDocument(workflow) };
}
export const templatePicture = (name: string) => `${ROOT}/templates/${named(name)}/picture`;

export const deleteWorkflow = (name: string) => ask<unknown>("DELETE", `/workflows/${named(name)}`);

/** What a workflow was before, also one that has been removed; the newest first, each named by its number. */
export const listVersions = async (name: string) =>
  (await ask<{ versions: readonly Saved[] }>("GET", `/workflows/${named(name)}/versions`)).versions;

export async function readVersion(name: string, number: string): Promise<Document> {
  const { workflow } = await ask<{ workflow: unknown }>("GET", `/workflows/${named(name)}/versions/${encodeURIComponent(number)}`);
  return asDocument(workflow);
}

export const moveWorkflow = (name: string, to: string) => ask<Saved>("POST", `/workflows/${named(name)}/move`, { to });

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
