/** From text to a document: parsed once, trusted afterwards. */

import type { Document, View } from "./document";
import { readJson } from "./json";

export class NotAWorkflow extends Error {
  constructor(
    message: string,
    /** The node that is none. */
    readonly node: string | null = null,
  ) {
    super(message);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The document in a text; NotAWorkflow says what is wrong. Literals may be anything: the server judges them. */
export function readDocument(text: string): Document {
  let data: unknown;
  try {
    data = readJson(text);
  } catch (error) {
    throw new NotAWorkflow(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return asDocument(data);
}

export function asDocument(data: unknown): Document {
  if (!isRecord(data) || data.nodegraph !== 1 || !isRecord(data.nodes)) {
    throw new NotAWorkflow('This is not a workflow: expected {"nodegraph": 1, "nodes": {…}}.');
  }
  for (const [id, node] of Object.entries(data.nodes)) {
    const links = isRecord(node) ? (node.links ?? {}) : null;
    const sound = isRecord(node) && typeof node.type === "string" && isRecord(node.values ?? {}) && isRecord(links);
    if (!sound || id === "" || id.includes(".") || !Object.values(links).every((link) => typeof link === "string" && link.includes("."))) {
      throw new NotAWorkflow(`The node “${id}” is not one: expected a type, values and links.`, id);
    }
  }
  if (data.view === undefined) return data as unknown as Document;
  if (!isRecord(data.view)) throw new NotAWorkflow("The view is not an object.");
  const view = Object.entries(data.view).map(([id, each]): [string, unknown] => [id, PLACES.has(id) ? itemsIn(each) : viewIn(each)]);
  return { ...data, view: Object.fromEntries(view) } as unknown as Document;
}

const PLACES = new Set([".frames", ".notes"]);
const isPoint = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "number" && Number.isFinite(part));
const isText = (value: unknown): boolean => typeof value === "string";

const CHECKS: Readonly<Record<keyof View, (value: unknown) => boolean>> = {
  at: isPoint,
  size: isPoint,
  title: isText,
  note: isText,
  color: isText,
  collapsed: (value) => typeof value === "boolean",
  via: (value) => isRecord(value) && Object.values(value).every((dots) => Array.isArray(dots) && (dots as unknown[]).every(isPoint)),
  seeds: (value) => isRecord(value) && Object.values(value).every((mode) => mode === "random" || mode === "step"),
  kept: isRecord,
};

/** What is of another type than it should be would break the canvas, and is left out; what we do not know stays. */
function viewIn(data: unknown): unknown {
  if (!isRecord(data)) return {};
  const sound = ([key, value]: [string, unknown]) => !Object.hasOwn(CHECKS, key) || CHECKS[key as keyof View](value);
  const parts = Object.entries(data);
  return parts.every(sound) ? data : Object.fromEntries(parts.filter(sound));
}

function itemsIn(data: unknown): unknown {
  if (!isRecord(data)) return {};
  const sound = Object.entries(data).filter(([, each]) => isRecord(each) && isPoint(each.at) && isPoint(each.size));
  return Object.fromEntries(sound.map(([id, each]) => [id, viewIn(each)]));
}
