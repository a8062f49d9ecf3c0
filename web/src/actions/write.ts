/** Writing the workflow as text: what is in the field, by open workflow, and when it is read. */

import { own, type Document } from "../document/document";
import { holds, read, type Draft } from "../keeping/draft";
import { thingOf } from "../layout/flow";
import { formatJson } from "../document/format";
import { placed } from "../layout/geometry";
import { get, setSheet, sheet, sheetOf } from "../store";
import { edit, present, settle } from "./edit";

/** Neither closing the panel nor going to another tab takes what was being written. */
const drafts = new Map<string, Draft>();

const READ_MS = 200;
const STEP_MS = 1000;
const STEP = "json";

let timers: readonly ReturnType<typeof setTimeout>[] = [];
const stop = () => timers.forEach(clearTimeout);

/** What is in the field just now. */
export const written = (id: string): string => drafts.get(id)?.text ?? "";

/** Whether what is in the field is to stay there, also beside this workflow. */
export function stays(id: string, document: Document): boolean {
  const draft = drafts.get(id);
  return draft !== undefined && holds(draft, document);
}

/** What is to be in the field: what was written there, or else the workflow as text. */
export function draftOf(id: string, document: Document): Draft {
  const known = drafts.get(id);
  if (known && holds(known, document)) return known;
  for (const other of drafts.keys()) if (!sheetOf(other)) drafts.delete(other);
  const draft = { text: formatJson(document), said: document, wrong: null, unread: false };
  drafts.set(id, draft);
  return draft;
}

/** Keep what is typed; it is read when the typing pauses. */
export function write(id: string, text: string, done: () => void): void {
  stop();
  drafts.set(id, { ...(drafts.get(id) ?? draftOf(id, present())), text, unread: true });
  timers = [setTimeout(() => readNow(id, done), READ_MS), setTimeout(settle, STEP_MS)];
}

/** Read what has been written: a workflow changes the one on the canvas, anything else is only told. */
export function readNow(id: string, done: () => void): void {
  const draft = drafts.get(id);
  if (!draft?.unread || sheet().id !== id) return;
  const before = present();
  const found = read(draft, before);
  if ("nodegraph" in found) {
    // Where the canvas had changed meanwhile, the text does not say all of it: it is made anew.
    if (draft.said === before) drafts.set(id, { text: draft.text, said: found, wrong: null, unread: false });
    else drafts.delete(id);
    edit(found, STEP);
    keepSelected(found);
  } else drafts.set(id, { ...draft, wrong: found, unread: false });
  done();
}

/** Read now, and end the step of undo; nodes that were written without a place get one. */
export function finish(id: string, done: () => void): void {
  stop();
  readNow(id, done);
  const { catalogue } = get();
  if (sheet().id !== id || sheet().history.open?.name !== STEP) return;
  if (catalogue) edit(placed(present(), catalogue), STEP);
  settle();
}

function keepSelected({ nodes }: Document): void {
  const { selected } = sheet();
  const left = [...selected].filter((each) => thingOf(each).kind !== "node" || own(nodes, each));
  if (left.length < selected.size) setSheet({ selected: new Set(left) });
}
