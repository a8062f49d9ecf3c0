/** Pictures that people bring along: sent to the server, and put into a node that takes one. */

import { Refusal, getFiles, sendFile } from "../api";
import { pictureInput, type Catalogue } from "../catalogue/catalogue";
import * as documents from "../document/document";
import { own, type Document, type End, type Point } from "../document/document";
import { chosenIn } from "../layout/flow";
import { GRID, WIDTH, snap } from "../layout/geometry";
import { get, set, setSheet, sheet } from "../store";
import { edit, present, settle } from "./edit";
import { goToSheet, importFile, openFile, told } from "./files";

export const isPicture = (file: Blob): boolean => file.type.startsWith("image/");

/** Send a picture; the name by which nodes read it, null if the server refused it. */
export async function sendPicture(file: File | Blob): Promise<string | null> {
  let name: string | null = null;
  await told(async () => {
    name = (await sendFile(file, "name" in file && file.name ? file.name : "picture")).name;
    set({ files: await getFiles() });
  });
  return name;
}

/** The input that a picture goes into: of the one selected node that takes pictures. */
function chosenInput(catalogue: Catalogue): End | null {
  const ends = [...chosenIn(sheet().selected).nodes].flatMap((node): End[] => {
    const input = pictureInput(own(catalogue.nodes, own(present().nodes, node)?.type ?? ""));
    return input ? [{ node, socket: input.name }] : [];
  });
  return ends.length === 1 ? (ends[0] ?? null) : null;
}

/** The document with a new node that reads a picture, in the middle of a place; null where no node does. */
export function withPicture(document: Document, catalogue: Catalogue, name: string, at: Point): { document: Document; id: string } | null {
  const description = Object.values(catalogue.nodes).find((node) => pictureInput(node) !== null);
  const input = pictureInput(description);
  if (!description || !input) return null;
  const id = documents.freshId(document, description.name);
  const placed = documents.addNode(document, id, description.name, [snap(at[0] - WIDTH / 2), snap(at[1])]);
  return { document: documents.setValue(placed, { node: id, socket: input.name }, name), id };
}

/** Put a picture into the selected node that takes one, or into a new node at a place of the workflow; one step of undo. */
export async function addImage(file: File | Blob, at: Point): Promise<void> {
  const { catalogue, active } = get();
  const name = await sendPicture(file);
  if (name === null || !catalogue || get().active !== active) return;
  settle();
  const chosen = chosenInput(catalogue);
  const made = chosen ? { document: documents.setValue(present(), chosen, name), id: chosen.node } : withPicture(present(), catalogue, name, at);
  if (!made) {
    set({ notice: "No node here reads pictures." });
    return;
  }
  edit(made.document);
  setSheet({ selected: new Set([made.id]), wires: new Set() });
}

/** Take a file that was dropped: the workflow in it, or else a picture for a node to read. */
export async function takeFile(file: File, at: Point): Promise<void> {
  if (!isPicture(file)) return importFile(file, file.name);
  // No other picture has a workflow in it.
  if (file.type !== "image/png") return addImage(file, at);
  await told(async () => {
    try {
      await openFile(file, file.name);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 422) throw error;
      await addImage(file, at);
    }
  });
}

/** Take all files that were dropped: each workflow in a tab of its own, the pictures side by side where they were dropped. */
export async function takeFiles(files: readonly File[], at: Point): Promise<void> {
  const { active: here } = get();
  for (const [index, file] of files.entries()) {
    goToSheet(here);
    // The picture before is selected, and would be replaced.
    if (index > 0) setSheet({ selected: new Set() });
    const beside = files.slice(0, index).filter(isPicture).length;
    await takeFile(file, [at[0] + beside * (WIDTH + 2 * GRID), at[1]]);
  }
}
