/** Copying and pasting: what is copied is a workflow in itself, as JSON. */

import { extract, insert, isFragment } from "../document/fragment";
import { chosenIn, selectionOf } from "../layout/flow";
import { GRID, boxesOf, snap } from "../layout/geometry";
import { writeJson } from "../document/json";
import { readDocument } from "../document/reading";
import { around } from "../document/scenery";
import { get, setSheet, sheet } from "../store";
import type { Document, Point } from "../document/document";
import { edit, present, removeSelected, settle } from "./edit";

/** What is selected, as text; null if nothing is. */
export function copied(): string | null {
  const { selected } = sheet();
  return selected.size === 0 ? null : writeJson(extract(present(), chosenIn(selected)), 2);
}

export function cut(): string | null {
  const text = copied();
  removeSelected();
  return text;
}

/** A part of a workflow in a text; null if the text is something else. */
export function fragmentIn(text: string): Document | null {
  try {
    const document = readDocument(text);
    return isFragment(document) ? document : null;
  } catch {
    return null;
  }
}

/** Put a part into the workflow, its middle at a place; `outside`: with the wires that came from elsewhere in it. */
export function paste(part: Document, at: Point, outside: boolean): void {
  const { catalogue } = get();
  const box = catalogue && around([...boxesOf(part, catalogue).values()]);
  if (!box) return;
  const by: Point = [snap(at[0] - (box[0] + box[2]) / 2), snap(at[1] - (box[1] + box[3]) / 2)];
  put(part, by, outside);
}

/** The selection once more beside itself, with the same sources. */
export function duplicate(): void {
  const { selected } = sheet();
  if (selected.size > 0) put(extract(present(), chosenIn(selected)), [4 * GRID, 4 * GRID], true);
}

function put(part: Document, by: Point, outside: boolean): void {
  settle();
  const { document, chosen } = insert(present(), part, by, outside);
  edit(document);
  setSheet({ selected: selectionOf(chosen), wires: new Set() });
}
